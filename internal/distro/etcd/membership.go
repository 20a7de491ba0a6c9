package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// convene asks this machine's member, or those that are named.
func (d *Driver) convene(ctx context.Context, clusterID string, through []string) (*council, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	c, err := distro.Convene(ctx, inst.Client, clusterID, through)
	if err != nil {
		return nil, err
	}
	return &council{c}, nil
}

// council adds members as a plain etcd does: nobody else would.
type council struct{ *distro.Council }

// Admit implements distro.Driver. Whoever is removed is stopped by now, or was lost: that the table could be read shows
// that the others have quorum without it, and so they have when it has gone. A learner does not count in any quorum.
func (d *Driver) Admit(ctx context.Context, a distro.Admission) (distro.Admitted, error) {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return distro.Admitted{}, err
	}
	defer c.Close()
	if err := c.Expel(ctx, a.Remove); err != nil {
		return distro.Admitted{}, err
	}
	found, err := c.own(a)
	if err == nil && found == nil {
		found, err = c.add(ctx, a)
	}
	if err != nil {
		return distro.Admitted{}, err
	}
	return distro.Admitted{ClusterID: a.ClusterID, MemberID: etcd.FormatID(found.ID), Through: a.Through}, nil
}

// own finds the member that an earlier call has added.
func (c *council) own(a distro.Admission) (*etcd.Member, error) {
	for i := range c.Members {
		m := &c.Members[i]
		switch shared := distro.SharedURL(m.PeerURLs, a.PeerURLs); {
		case shared == "" || slices.Contains(a.Remove, etcd.FormatID(m.ID)):
		case m.Learner && m.Name == "":
			return m, nil
		default:
			return nil, &problem.Error{
				Kind: problem.Refused, Op: "add a member at", Subject: shared, Why: "member " + m.Label() + " (" + etcd.FormatID(m.ID) + ") is there",
				Next: "plan again; it is replaced then",
			}
		}
	}
	return nil, nil
}

// add adds the member. When the answer was lost, the table has it.
func (c *council) add(ctx context.Context, a distro.Admission) (*etcd.Member, error) {
	added, err := c.AddLearner(ctx, c.Endpoint, a.PeerURLs)
	if err == nil {
		return &added, nil
	}
	if c.Refresh(ctx, a.ClusterID) == nil {
		if found, _ := c.own(a); found != nil {
			return found, nil
		}
	}
	return nil, distro.Later(err)
}

// Promote implements distro.Driver.
func (d *Driver) Promote(ctx context.Context, a distro.Admitted) error {
	id, err := strconv.ParseUint(a.MemberID, 16, 64)
	if err != nil {
		return fmt.Errorf("etcd's member id: %w", err)
	}
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Promote(ctx, c.Endpoint, id); err != nil && !errors.Is(err, etcd.ErrVotes) {
		return distro.Later(err)
	}
	return nil
}

// Dismiss implements distro.Driver. An admission whose answer was lost is known by what it added: a learner at these URLs
// that has never started.
func (d *Driver) Dismiss(ctx context.Context, a distro.Admission, memberID string) error {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, m := range c.Members {
		unborn := m.Learner && m.Name == "" && distro.SharedURL(m.PeerURLs, a.PeerURLs) != ""
		if etcd.FormatID(m.ID) != memberID && !unborn {
			continue
		}
		if err := c.Withdraw(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// Join implements distro.Driver. The directory names cluster and member, so that it does not matter what the unit says
// of the first start: see snapshot.Join.
func (d *Driver) Join(ctx context.Context, a distro.Admitted) error {
	inst, err := d.Discover(ctx)
	if err != nil {
		return err
	}
	if err := clearAttempt(inst); err != nil {
		return err
	}
	return snapshot.Join(ctx, snapshot.JoinConfig{DataDir: inst.DataDir, WALDir: inst.WALDir, ClusterID: a.ClusterID, MemberID: a.MemberID})
}
