package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
)

// ground is the cluster that an arena stands on: a plain etcd, or a Kubernetes distribution's.
type ground interface {
	strike.Members
	// Ready waits until every machine serves and takes writes.
	Ready(ctx context.Context) error
	// server is what has etcd on each machine.
	server() strike.Server
	// lose stops a machine's server and takes from it for good what its member holds.
	lose(ctx context.Context, n *lab.Node) error
	// left is what an operation must not leave on a machine, beside a fence.
	left(ctx context.Context, n *lab.Node) error
	// holds checks that a restored machine has the content of the snapshot, whose evidence it is.
	holds(ctx context.Context, n *lab.Node, s v1alpha1.EtcdSnapshotSpec) error
}

// plainGround is a plain etcd.
type plainGround struct{ *etcd.Cluster }

func (plainGround) server() strike.Server { return strike.Server{Unit: etcd.Unit} }

func (plainGround) lose(ctx context.Context, n *lab.Node) error {
	_, err := n.Run(ctx, "sh", "-ec", "systemctl stop etcd; rm -rf "+etcd.DataDir+"/member")
	return err
}

// holds: the revisions of a plain etcd are raised, so that its hash is another one; the agent compares it before.
func (plainGround) holds(context.Context, *lab.Node, v1alpha1.EtcdSnapshotSpec) error { return nil }

func (plainGround) left(context.Context, *lab.Node) error { return nil }

// kubeGround is a Kubernetes distribution.
type kubeGround struct {
	*standin.Etcd
	*adoption
}

func (a *adoption) server() strike.Server {
	s := strike.Server{Unit: a.distro.Unit(a.Lab.Nodes[0])}
	if a.flavour.StaticPods() {
		s.Pods = "kubepods.slice"
	}
	return s
}

func (g kubeGround) lose(ctx context.Context, n *lab.Node) error {
	_, err := n.Run(ctx, "sh", "-ec", install.Killall(g.flavour)+"; rm -rf "+g.flavour.DataDir()+"/server/db/etcd")
	return err
}

func (g kubeGround) left(ctx context.Context, n *lab.Node) error {
	return errors.Join(g.debris(ctx, n), g.strays(ctx, n), g.processes(ctx, n), g.passwords(ctx, n))
}

// Ready asks each server's API and each member.
func (g kubeGround) Ready(ctx context.Context) error {
	for _, n := range g.Lab.Nodes {
		err := lab.Until(ctx, "the server on "+n.Name+" to take writes", func(ctx context.Context) error {
			if err := g.distro.Active(ctx, n); err != nil {
				return err
			}
			_, err := g.distro.Kubectl(ctx, n, "annotate", "--overwrite", "namespace", "default", "written-on="+n.Name)
			return err
		})
		if err := errors.Join(err, g.distro.Ready(ctx, n)); err != nil {
			return err
		}
	}
	return nil
}

func (g kubeGround) holds(ctx context.Context, n *lab.Node, s v1alpha1.EtcdSnapshotSpec) error {
	cli, err := g.MemberClient(n)
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := cli.HashKV(ctx, cli.Endpoints()[0], s.Revision)
	if err != nil {
		return fmt.Errorf("hash of what %s holds: %w", n.Name, err)
	}
	if r.CompactRevision == s.CompactRevision && (s.ContentHash == nil || int64(r.Hash) != *s.ContentHash) {
		return fmt.Errorf("%s holds the hash %d at revision %d, and the snapshot has %v", n.Name, r.Hash, s.Revision, s.ContentHash)
	}
	return nil
}

// plainArena is an arena of three machines with etcd.
func plainArena(t *testing.T) *arena {
	t.Helper()
	w := newWorld(t, plan{members: 3})
	return newArena(t, w, plainGround{w.etcd}, "three machines")
}

// kubeArena is an arena of three servers of a distribution. Its own schedule is one that does not come up meanwhile.
func kubeArena(t *testing.T, f distro.Flavor) *arena {
	t.Helper()
	a := adoptPlain(t, standin.Config{Flavor: f, Settings: map[string]any{"etcd-snapshot-schedule-cron": "0 0 1 1 *"}}, 3)
	client, err := a.distro.Etcd()
	do(t, err)
	return newArena(t, a.world, kubeGround{client, a}, "three servers of "+f.Name)
}

// asked asks one member.
func (a *arena) asked(ctx context.Context, n *lab.Node, ask func(context.Context, *clientv3.Client) error) error {
	cli, err := a.ground.MemberClient(n)
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := ask(ctx, cli); err != nil {
		return fmt.Errorf("etcd on %s: %w", n.Name, err)
	}
	return nil
}

// mark writes what tells the cluster of one round from that of another.
func (a *arena) mark(ctx context.Context, n *lab.Node, value string) error {
	return a.asked(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		_, err := cli.Put(ctx, markKey, value)
		return err
	})
}

// marked is what a member itself holds of that.
func (a *arena) marked(ctx context.Context, n *lab.Node) (value string, err error) {
	err = a.asked(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		r, err := cli.Get(ctx, markKey, clientv3.WithSerializable())
		if err == nil && len(r.Kvs) > 0 {
			value = string(r.Kvs[0].Value)
		}
		return err
	})
	return value, err
}
