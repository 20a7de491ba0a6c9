// Package download hands out links to snapshots: the manager's side, and what both sides agree on.
//
// A snapshot holds every Secret of its cluster, and its bytes never pass through the manager. So whoever may download one
// gets a link that the manager signs with the cluster's S3 keys, for a few minutes, for this one object. Who may is the
// Kubernetes API's to say: the right is to create the subresource download of etcdsnapshots, and package httpd asks for
// it with the caller's own token before it calls this package. A link is stored nowhere and logged nowhere; that one was
// given out, and to whom, is. Start reading at [Server].
package download
