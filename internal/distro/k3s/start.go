package k3s

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Start implements distro.Driver.
func (d *Driver) Start(ctx context.Context) error {
	fenced, err := d.Fenced()
	if err != nil {
		return err
	}
	if fenced {
		return fmt.Errorf("start %s: %w", d.cfg.Flavour.Name, distro.ErrFenced)
	}
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if err := n.founds(); err != nil {
		return err
	}
	return n.unit.Start(ctx)
}

// founds refuses a start that would found a new and empty cluster. A server with nothing to serve and nobody to join does
// so without a word, on SQLite at that where it was not told to use etcd.
func (n *node) founds() error {
	if !n.runsEtcd() || n.config.String("server", "") != "" {
		return nil
	}
	for _, database := range []string{filepath.Join(n.etcdDir(), "member", "wal"), n.serverDir("db", "state.db")} {
		if n.exists(database) {
			return nil
		}
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "start " + n.flavour.Name + " on", Subject: n.etcdDir(),
		Why:  "there is no database, and no server to join: it would found a new and empty cluster",
		Next: "restore a snapshot on this machine, or name a server of the cluster in " + n.configFile() + " (server:)",
	}
}

// runsEtcd says whether this server is to have an etcd of its own, whether or not its data is there at present.
func (n *node) runsEtcd() bool {
	return n.server() && n.config.String("datastore-endpoint", "") == "" && !n.config.Bool("disable-etcd")
}
