// Package datadir reads the data directory of an etcd member that gives no answer. A member that was started without a
// quorum serves nobody, not even its own status, and a k3s server that loses its quorum ends itself after some seconds: what
// lies on the disk is then all that can be had of it.
//
// Nothing is written, and no lock is taken, so that the member may run. What has changed while it was read is an error.
package datadir
