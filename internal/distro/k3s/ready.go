package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Ready implements distro.Kubernetes. A server is ready when its etcd and its API server are, as far as it has both. A worker is ready when its unit says so, which it does once its kubelet runs, and when
// its Node is, as far as the kubelet's own rights let that be seen.
func (d *Driver) Ready(ctx context.Context) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	active, err := n.unit.Active(ctx)
	if err != nil {
		return err
	}
	if !active {
		return fmt.Errorf("%s is not active", n.unit.String())
	}
	if !n.server() {
		return n.workerReady(ctx)
	}
	if !n.servesAPI() {
		return n.etcdReady(ctx)
	}
	return errors.Join(n.etcdReady(ctx), n.api().ready(ctx))
}

// servesAPI: a server for etcd alone has no API server of its own. It leads to those of others, which need it first.
func (n *node) servesAPI() bool { return !n.config.Bool("disable-apiserver") }

// etcdReady returns nil when the machine's own member answers and has a leader, or there is none.
func (n *node) etcdReady(ctx context.Context) error {
	if _, why := n.datastore(); why != nil {
		return nil
	}
	member, err := distro.Look(ctx, n.etcdClient())
	switch {
	case err != nil:
		return fmt.Errorf("etcd does not answer: %w", err)
	case member.Role == "":
		return errors.New("etcd has no leader")
	}
	return nil
}

func (n *node) workerReady(ctx context.Context) error {
	api := n.api()
	if _, err := os.Stat(api.kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return nil // the unit has told all that can be told from here
	}
	name, err := n.name()
	if err != nil {
		return err
	}
	return api.nodeReady(ctx, name)
}
