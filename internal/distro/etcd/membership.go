package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// council is a member that is asked about its cluster: this machine's own, or one elsewhere.
type council struct {
	*etcd.Client
	endpoint string
	etcd.Membership
}

// convene reads the member table, which takes a quorum, at the first endpoint that has it.
func (d *Driver) convene(ctx context.Context, clusterID string, through []string) (*council, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	dial := inst.Client
	dial.Cluster = true
	if len(through) > 0 {
		dial.Endpoints = through
	}
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	for _, endpoint := range client.Endpoints() {
		c := &council{Client: client, endpoint: endpoint}
		if err = c.refresh(ctx, clusterID); err == nil {
			return c, nil
		}
		if !errors.Is(err, distro.ErrNotYet) {
			break
		}
	}
	client.Close()
	return nil, err
}

func (c *council) refresh(ctx context.Context, clusterID string) error {
	var err error
	if c.Membership, err = c.Client.Membership(ctx, c.endpoint); err != nil {
		return again(err)
	}
	if have := etcd.FormatID(c.Cluster); have != clusterID {
		return &problem.Error{
			Kind: problem.Refused, Op: "change the members of etcd cluster", Subject: clusterID, Why: c.endpoint + " is a member of cluster " + have,
			Next: "plan again: another restore has been here",
		}
	}
	return nil
}

// again marks errors that go by, in the words of the contract.
func again(err error) error {
	if errors.Is(err, etcd.ErrNotYet) || problem.KindOf(err) == problem.Unreachable {
		return fmt.Errorf("%w: %w", distro.ErrNotYet, err)
	}
	return err
}

// Admit implements distro.Driver. Whoever is removed is stopped by now, or was lost: that the table could be read shows
// that the others have quorum without it, and so they have when it has gone. A learner does not count in any quorum.
func (d *Driver) Admit(ctx context.Context, a distro.Admission) (distro.Admitted, error) {
	c, err := d.convene(ctx, a.ClusterID, a.Through)
	if err != nil {
		return distro.Admitted{}, err
	}
	defer c.Close()
	for _, m := range c.Members {
		if !slices.Contains(a.Remove, etcd.FormatID(m.ID)) {
			continue
		}
		if m.ID == c.Self {
			return distro.Admitted{}, &problem.Error{Kind: problem.Refused, Op: "remove member", Subject: m.Label(), Why: "it is the one that was asked to do it"}
		}
		if err := c.RemoveMember(ctx, c.endpoint, m.ID); err != nil && !errors.Is(err, etcd.ErrNoMember) {
			return distro.Admitted{}, again(err)
		}
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
		switch shared := common(m.PeerURLs, a.PeerURLs); {
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

func common(a, b []string) string {
	for _, url := range a {
		if slices.Contains(b, url) {
			return url
		}
	}
	return ""
}

// add adds the member. When the answer was lost, the table has it.
func (c *council) add(ctx context.Context, a distro.Admission) (*etcd.Member, error) {
	added, err := c.AddLearner(ctx, c.endpoint, a.PeerURLs)
	if err == nil {
		return &added, nil
	}
	if c.refresh(ctx, a.ClusterID) == nil {
		if found, _ := c.own(a); found != nil {
			return found, nil
		}
	}
	return nil, again(err)
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
	if err := c.Promote(ctx, c.endpoint, id); err != nil && !errors.Is(err, etcd.ErrVotes) {
		return again(err)
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
		unborn := m.Learner && m.Name == "" && common(m.PeerURLs, a.PeerURLs) != ""
		if etcd.FormatID(m.ID) != memberID && !unborn {
			continue
		}
		if !m.Learner {
			if err := c.spare(ctx, m); err != nil {
				return err
			}
		}
		if err := c.RemoveMember(ctx, c.endpoint, m.ID); err != nil && !errors.Is(err, etcd.ErrNoMember) {
			return again(err)
		}
	}
	return nil
}

// spare refuses to take a vote away that the others could not do without.
func (c *council) spare(ctx context.Context, gone etcd.Member) error {
	cluster, err := c.Inspect(ctx)
	if err != nil {
		return again(err)
	}
	var silent []string
	voters := 0
	for _, m := range cluster.Members {
		if m.ID == 0 || m.ID == gone.ID || m.Learner {
			continue
		}
		voters++
		if !m.Answers() || m.ReadErr != nil {
			silent = append(silent, m.Label())
		}
	}
	if voters-len(silent) >= voters/2+1 {
		return nil
	}
	return fmt.Errorf("%w: without member %s there would be no quorum, because %s does not answer", distro.ErrNotYet, gone.Label(), strings.Join(silent, ", "))
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
