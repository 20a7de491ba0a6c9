package distro

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

const (
	// settleTime is for what passes by itself: an election takes a second or two, and systemd starts an etcd that died again.
	// A scheduled save that gave up at once would be missing until the next period.
	settleTime = 15 * time.Second
	settlePoll = time.Second
)

// Fit is this machine's own member, found fit to take a snapshot from, among its cluster.
type Fit struct {
	Cluster etcd.Cluster
	Own     etcd.Member
	flags   etcd.Flags
	// suspect says why a snapshot of what lies on its disk must not count as good.
	suspect string
}

// settle makes sure that this machine's own member, by its endpoint, may be saved from. While it can't be reached or is not
// fit, it asks again for a while. Salvage takes a member without quorum, too.
func settle(ctx context.Context, client *etcd.Client, endpoint string, salvage bool) (Fit, error) {
	end := time.Now().Add(settleTime)
	for {
		fit, err := choose(ctx, client, endpoint, salvage)
		kind := problem.KindOf(err)
		if err == nil || kind != problem.Unreachable && kind != problem.Refused || !time.Now().Before(end) {
			return fit, err
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
			return fit, errors.Join(err, context.Cause(ctx))
		}
	}
}

func choose(ctx context.Context, client *etcd.Client, endpoint string, salvage bool) (Fit, error) {
	cluster, err := client.Inspect(ctx)
	fit := Fit{Cluster: cluster}
	if err != nil {
		return fit, err
	}
	choice, err := etcd.Choose(cluster, etcd.Options{Salvage: salvage})
	if err != nil {
		return fit, err
	}
	fit.flags = choice.Flags
	fit.Own, err = ownMember(choice, endpoint)
	return fit, err
}

// ownMember finds this machine's member among those that may be saved from.
func ownMember(choice etcd.Choice, endpoint string) (etcd.Member, error) {
	for _, m := range choice.Candidates {
		if m.Endpoint == endpoint {
			return m, nil
		}
	}
	why := "the cluster does not know it"
	for _, s := range choice.Skipped {
		if s.Member.Endpoint == endpoint {
			why = s.Reason
		}
	}
	return etcd.Member{}, &problem.Error{
		Kind: problem.Refused, Op: "save a snapshot of the member at", Subject: endpoint, Why: why,
		Next: "mend the member; meanwhile the other machines take snapshots",
	}
}

// Alarms that the cluster has raised.
func (f Fit) Alarms() []string {
	var kinds []string
	for _, a := range f.Cluster.Alarms {
		if !slices.Contains(kinds, string(a.Kind)) {
			kinds = append(kinds, string(a.Kind))
		}
	}
	return kinds
}

// Suspect says why a snapshot of the member must not count as good; empty when it may.
func (f Fit) Suspect() string {
	switch {
	case f.suspect != "":
		return f.suspect
	case f.flags.Suspect:
		return "etcd has raised a CORRUPT alarm: its members' data differ"
	case f.flags.Salvaged:
		return "taken from a member without quorum, because nothing else was left"
	}
	return ""
}

// Origin describes the member, as a manifest does.
func (f Fit) Origin() snapshot.Origin {
	m := f.Own
	from := snapshot.Origin{
		Endpoint: m.Endpoint, EtcdVersion: m.Status.Version, ClusterID: etcd.FormatID(f.Cluster.ID),
		MemberID: etcd.FormatID(m.ID), MemberName: m.Label(), Leader: m.ID == f.Cluster.Leader, Members: []snapshot.Member{},
	}
	for _, other := range f.Cluster.Members {
		if other.ID != 0 {
			from.Members = append(from.Members, snapshot.Member{
				ID: etcd.FormatID(other.ID), Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner,
			})
		}
	}
	return from
}
