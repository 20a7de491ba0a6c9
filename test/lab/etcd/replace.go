package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Replace installs etcd on a new machine in the place of a member that is gone for good, as an administrator does: the
// old member is removed, the new one added, and its etcd joins. It needs a quorum.
func (c *Cluster) Replace(ctx context.Context, old, fresh *lab.Node) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.swap(ctx, old, fresh); err != nil {
		return fmt.Errorf("replace member %s by %s: %w", old.Name, fresh.Name, err)
	}
	if i := slices.Index(c.cfg.Nodes, old); i >= 0 {
		c.cfg.Nodes[i] = fresh
	}
	if err := c.install(ctx, fresh, "existing"); err != nil {
		return err
	}
	if err := enable(ctx, fresh); err != nil {
		return err
	}
	return c.Ready(ctx)
}

// Move installs everything on other machines, which take the places of all members, and starts nothing: for a restore onto
// machines that have never been part of the cluster. The unit is enabled, as on any member.
func (c *Cluster) Move(ctx context.Context, nodes ...*lab.Node) error {
	c.cfg.Nodes = slices.Clone(nodes)
	for _, n := range nodes {
		if err := c.install(ctx, n, "new"); err != nil {
			return fmt.Errorf("install etcd on %s: %w", n.Name, err)
		}
		if _, err := n.Run(ctx, "systemctl", "enable", "--quiet", Unit); err != nil {
			return err
		}
	}
	return nil
}

// swap changes the membership alone.
func (c *Cluster) swap(ctx context.Context, old, fresh *lab.Node) error {
	cli, err := c.Client()
	if err != nil {
		return err
	}
	defer cli.Close()
	if err := remove(ctx, cli, old.Name); err != nil {
		return err
	}
	// etcd refuses as long as it has not seen its peers for some seconds.
	return lab.Until(ctx, "etcd to take a new member", func(ctx context.Context) error {
		_, err := cli.MemberAdd(ctx, []string{peerURL(fresh)})
		if errors.Is(err, rpctypes.ErrPeerURLExist) {
			return nil // an earlier attempt whose answer was lost
		}
		return err
	})
}

func remove(ctx context.Context, cli *clientv3.Client, name string) error {
	list, err := cli.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, m := range list.Members {
		if m.Name == name {
			_, err := cli.MemberRemove(ctx, m.ID)
			return err
		}
	}
	return fmt.Errorf("there is no member %s", name)
}
