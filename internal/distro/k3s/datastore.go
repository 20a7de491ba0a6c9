package k3s

import (
	"errors"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Reasons for which there is no etcd to drive.
var (
	errExternal = errors.New("its datastore is outside of it (datastore-endpoint)")
	errSQLite   = errors.New("its datastore is SQLite")
	errNoEtcd   = errors.New("this server uses the etcd of others (disable-etcd)")
	errWorker   = errors.New("this machine is a worker")
)

// datastore says what the machine keeps the cluster's objects in, and why there is no embedded etcd here, if so.
func (n *node) datastore() (v1alpha1.Datastore, error) {
	switch {
	case !n.server():
		return v1alpha1.DatastoreNone, errWorker
	case n.config.String("datastore-endpoint", "") != "":
		return v1alpha1.DatastoreExternal, errExternal
	case n.config.Bool("disable-etcd"):
		return v1alpha1.DatastoreNone, errNoEtcd
	case n.onSQLite():
		return v1alpha1.DatastoreSQLite, errSQLite
	}
	return v1alpha1.DatastoreEtcd, nil
}

// onSQLite goes by what has run: a server that has neither database may be in the middle of a restore.
func (n *node) onSQLite() bool {
	asksForEtcd := n.config.Bool("cluster-init") || n.config.String("server", "") != ""
	return n.flavour.NeedsInit && !asksForEtcd && n.exists(n.serverDir("db", "state.db")) && !n.exists(filepath.Join(n.etcdDir(), "member", "wal"))
}

// refuse words why snapshots can't be taken here.
func (n *node) refuse(why error) error {
	next := "machines with etcd take the snapshots; this one needs nothing"
	if errors.Is(why, errExternal) || errors.Is(why, errSQLite) {
		next = "back the datastore up with its own tools, or move the cluster to embedded etcd: start its first server once with --cluster-init"
	}
	if errors.Is(why, errSQLite) && n.wasEtcd() {
		next = "it had etcd before, and came up empty after a reset that failed: stop it, move " + n.serverDir("db", "state.db") + " away, and restore a snapshot"
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "drive the etcd of " + n.flavour.Name + " in", Subject: n.dataDir(), Err: errors.Join(distro.ErrNotInstalled, why),
		Why: why.Error(), Next: next,
	}
}

// wasEtcd says whether a server on SQLite has had an etcd: a reset that failed leaves it without a log, and the next start
// without cluster-init comes up on SQLite, and empty (seen on 1.36).
func (n *node) wasEtcd() bool {
	old, err := filepath.Glob(n.at(n.serverDir("db", "etcd-old-*")))
	return err == nil && len(old) > 0 || n.exists(n.etcdDir())
}
