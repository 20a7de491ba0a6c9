// Package snapshot saves, lists, deletes and prunes snapshots of one server, on disk and in S3, as the distributions do
// (surface 4 and 6), flaws included: names collide within a second, S3's retention is the folder's and not the node's,
// files in sub-directories are listed where they are not.
//
// It knows nothing of HTTP or of Kubernetes. Start reading at [Manager.Save].
package snapshot
