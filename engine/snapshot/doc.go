// Package snapshot takes, describes, proves and restores snapshots of an etcd.
//
// # What a snapshot is
//
// The payload is what etcd's Maintenance.Snapshot call streams: an image of the member's bbolt database, followed by
// the 32-byte SHA-256 of that image. It is stored in one of these forms, all readable with stock tools:
//
//	<name>-<node>-<unix>.db       the payload as it is; also what etcdctl writes, under any name
//	<name>-<node>-<unix>.db.zst   one zstd stream of it
//	<name>-<node>-<unix>          the payload as it is, k3s and rke2
//	<name>-<node>-<unix>.zip      k3s and rke2: one deflated entry, named like the file without .zip
//	<name>_<time>.zip             RKE: the entry /backup/<name>_<time>, and /etc/kubernetes/<…>.rkestate beside it
//
// Beside it stands a manifest (see [Manifest]): what was saved, from where, with which hashes, and the evidence that
// it is good. docs/formats.md is the specification for people; this package is its implementation.
//
// # What must always hold
//
//   - Nothing is published before etcd's own hash of the payload has been checked, and a payload comes before its
//     manifest. What has no valid manifest is judged by its own trailer.
//   - A repository never slows the stream down: the stream goes to a local spool, the upload follows behind.
//   - A database file is read through package mvcc. bbolt, which panics on damaged pages in a goroutine of its own,
//     opens a file only after mvcc has checked all of it, and only a private copy.
//   - A restore refuses before its first write, works in a temporary place, and renames last.
//
// The package must not know about Kubernetes objects, nor about which snapshots to keep: that is package repository.
// Start reading at [Save], [Verify] and [Restore].
package snapshot
