package k3s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// A server that joins adds itself as a learner, through the one that it was told of, and the leader gives it its vote by
// itself. What is left for others is to take dead members out before: with them in the table there may be no quorum for one
// more.

func (d *Driver) convene(ctx context.Context, clusterID string, through []string) (*distro.Council, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	return distro.Convene(ctx, inst.Client, clusterID, through)
}

// Admit implements distro.Driver. It adds nobody: which member the machine will be is known when it has joined.
func (d *Driver) Admit(ctx context.Context, a distro.Admission) (distro.Admitted, error) {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return distro.Admitted{}, err
	}
	defer c.Close()
	var voters []etcd.Member
	for _, m := range c.Members {
		if !m.Learner && slices.Contains(a.Remove, etcd.FormatID(m.ID)) {
			voters = append(voters, m)
		}
	}
	if len(voters) > 0 {
		if err := c.Spare(ctx, voters...); err != nil {
			return distro.Admitted{}, err
		}
	}
	if err := c.Expel(ctx, a.Remove); err != nil {
		return distro.Admitted{}, err
	}
	return distro.Admitted{ClusterID: a.ClusterID, Through: a.Through}, nil
}

// Promote implements distro.Driver: it waits for the leader to do it.
func (d *Driver) Promote(ctx context.Context, a distro.Admitted) error {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return err
	}
	defer c.Close()
	return awaited(c.Members, a.MemberID)
}

// awaited returns ErrNotYet until a member votes: the one with the id, or, when there is none, each that there is.
func awaited(members []etcd.Member, id string) error {
	there := id == ""
	for _, m := range members {
		if id != "" && etcd.FormatID(m.ID) != id {
			continue
		}
		there = true
		if m.Learner {
			return fmt.Errorf("%w: member %s has no vote", distro.ErrNotYet, m.Label())
		}
	}
	if !there {
		return fmt.Errorf("%w: there is no member %s", distro.ErrNotYet, id)
	}
	return nil
}

// Dismiss implements distro.Driver. Nobody has noted an id, so what the machine has added is known by its URLs: a learner.
// One that votes by now stays: the machine takes its own place again when it joins the next time.
func (d *Driver) Dismiss(ctx context.Context, a distro.Admission, memberID string) error {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, m := range c.Members {
		named := memberID != "" && etcd.FormatID(m.ID) == memberID
		if !named && (!m.Learner || distro.SharedURL(m.PeerURLs, a.PeerURLs) == "") {
			continue
		}
		if err := c.Withdraw(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// Join implements distro.Driver. A server without data joins whom Point has named: what is left of an earlier attempt
// would make it look for that one's cluster.
func (d *Driver) Join(ctx context.Context, _ distro.Admitted) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	return n.clear(n.etcdDir(), n.resetFlag())
}

// clear removes files and directories of an attempt, durably.
func (n *node) clear(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if !n.exists(path) {
			continue
		}
		errs = append(errs, os.RemoveAll(n.at(path)), durable.SyncDir(n.at(path, "..")))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove an earlier attempt: %w", err)
	}
	return nil
}
