package distro

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Council is a member that is asked about its cluster, and to change it: this machine's own, or one elsewhere.
type Council struct {
	*etcd.Client
	// Endpoint of the member.
	Endpoint string
	// The member table, as it was when it was read last.
	etcd.Membership
}

// Convene reads the member table, which takes a quorum, at the first endpoint that has it. The endpoints are those of
// through, or of dial when there are none. A cluster that is another than the given one is refused. The caller closes it.
func Convene(ctx context.Context, dial etcd.Config, clusterID string, through []string) (*Council, error) {
	dial.Cluster = true
	if len(through) > 0 {
		dial.Endpoints = through
	}
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	for _, endpoint := range client.Endpoints() {
		c := &Council{Client: client, Endpoint: endpoint}
		if err = c.Refresh(ctx, clusterID); err == nil {
			return c, nil
		}
		if !errors.Is(err, ErrNotYet) {
			break
		}
	}
	client.Close()
	return nil, err
}

// Refresh reads the member table again.
func (c *Council) Refresh(ctx context.Context, clusterID string) error {
	var err error
	if c.Membership, err = c.Client.Membership(ctx, c.Endpoint); err != nil {
		return Later(err)
	}
	if have := etcd.FormatID(c.Cluster); have != clusterID {
		return &problem.Error{
			Kind: problem.Refused, Op: "change the members of etcd cluster", Subject: clusterID, Why: c.Endpoint + " is a member of cluster " + have,
			Next: "plan again: another restore has been here",
		}
	}
	return nil
}

// Later marks errors that go by, in the words of the contract: see ErrNotYet.
func Later(err error) error {
	if errors.Is(err, etcd.ErrNotYet) || problem.KindOf(err) == problem.Unreachable {
		return fmt.Errorf("%w: %w", ErrNotYet, err)
	}
	return err
}

// Expel removes members by their ids. Those that are not in the table are gone already.
func (c *Council) Expel(ctx context.Context, ids []string) error {
	for _, m := range c.Members {
		if !slices.Contains(ids, etcd.FormatID(m.ID)) {
			continue
		}
		if m.ID == c.Self {
			return &problem.Error{Kind: problem.Refused, Op: "remove member", Subject: m.Label(), Why: "it is the one that was asked to do it"}
		}
		if err := c.Drop(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// Drop removes a member. One that has gone is no error.
func (c *Council) Drop(ctx context.Context, m etcd.Member) error {
	if err := c.RemoveMember(ctx, c.Endpoint, m.ID); err != nil && !errors.Is(err, etcd.ErrNoMember) {
		return Later(err)
	}
	return nil
}

// Withdraw drops a member, unless it has a vote that the others could not do without.
func (c *Council) Withdraw(ctx context.Context, m etcd.Member) error {
	if !m.Learner {
		if err := c.Spare(ctx, m); err != nil {
			return err
		}
	}
	return c.Drop(ctx, m)
}

// Spare refuses to take votes away that the others could not do without: ErrNotYet, since those that are silent may answer
// later.
func (c *Council) Spare(ctx context.Context, gone ...etcd.Member) error {
	cluster, err := c.Inspect(ctx)
	if err != nil {
		return Later(err)
	}
	leaves := func(id uint64) bool {
		return slices.ContainsFunc(gone, func(m etcd.Member) bool { return m.ID == id })
	}
	var silent []string
	voters := 0
	for _, m := range cluster.Members {
		if m.ID == 0 || m.Learner || leaves(m.ID) {
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
	var names []string
	for _, m := range gone {
		names = append(names, m.Label())
	}
	return fmt.Errorf("%w: without member %s there would be no quorum, because %s does not answer",
		ErrNotYet, strings.Join(names, ", "), strings.Join(silent, ", "))
}

// SharedURL is the first of some URLs that is among others; "" when none is.
func SharedURL(a, b []string) string {
	for _, url := range a {
		if slices.Contains(b, url) {
			return url
		}
	}
	return ""
}
