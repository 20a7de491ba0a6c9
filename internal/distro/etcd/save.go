package etcd

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Save implements distro.Driver. It asks all members how they are, and takes the snapshot from this machine's own. A
// survivor is asked alone: what answers at the others' addresses may be another cluster by now.
func (d *Driver) Save(ctx context.Context, cfg distro.SaveConfig) (*snapshot.Manifest, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	dial := inst.Client
	dial.Cluster = !cfg.Salvage
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	cluster, choice, own, err := settle(ctx, client, cfg.Salvage, inst.Client.Endpoints[0])
	if err != nil {
		return nil, err
	}
	return snapshot.Save(ctx, saveConfig(cfg, cluster, choice, snapshot.Candidate{
		Origin: origin(cluster, own), ExpectedSize: own.Status.DBSize,
		Open: func(ctx context.Context) (snapshot.Stream, error) {
			return client.Snapshot(ctx, own, etcd.StreamConfig{})
		},
	}))
}

const (
	// settleTime is for what passes by itself: an election takes a second or two, and systemd starts an etcd that died again.
	// A scheduled save that gave up at once would be missing until the next period.
	settleTime = 15 * time.Second
	settlePoll = time.Second
)

// settle chooses whom to save from. While this machine's member can't be reached or is not fit, it asks again for a while.
func settle(ctx context.Context, client *etcd.Client, salvage bool, endpoint string) (etcd.Cluster, etcd.Choice, etcd.Member, error) {
	end := time.Now().Add(settleTime)
	for {
		cluster, choice, own, err := choose(ctx, client, salvage, endpoint)
		kind := problem.KindOf(err)
		if err == nil || kind != problem.Unreachable && kind != problem.Refused || !time.Now().Before(end) {
			return cluster, choice, own, err
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
			return cluster, choice, own, errors.Join(err, context.Cause(ctx))
		}
	}
}

func choose(ctx context.Context, client *etcd.Client, salvage bool, endpoint string) (etcd.Cluster, etcd.Choice, etcd.Member, error) {
	var own etcd.Member
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return cluster, etcd.Choice{}, own, err
	}
	choice, err := etcd.Choose(cluster, etcd.Options{Salvage: salvage})
	if err == nil {
		own, err = ownMember(choice, endpoint)
	}
	return cluster, choice, own, err
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

func saveConfig(cfg distro.SaveConfig, cluster etcd.Cluster, choice etcd.Choice, from snapshot.Candidate) snapshot.SaveConfig {
	host, _ := os.Hostname() // only says who did it
	out := snapshot.SaveConfig{
		Store: cfg.Store, Candidates: []snapshot.Candidate{from}, ClusterID: cfg.ClusterID, Base: cfg.Base, Node: cfg.Node,
		Trigger: cfg.Trigger, Backup: cfg.Backup, Encoding: cfg.Encoding, Verify: cfg.Verify, Prover: cfg.Prover,
		MinFree: cfg.MinFree, SpoolDir: cfg.SpoolDir, Tool: cfg.Tool, Host: host, Now: time.Now, Progress: cfg.Progress, Log: cfg.Log,
	}
	for _, a := range cluster.Alarms {
		if !slices.Contains(out.Alarms, string(a.Kind)) {
			out.Alarms = append(out.Alarms, string(a.Kind))
		}
	}
	switch {
	case choice.Flags.Suspect:
		out.Suspect = "etcd has raised a CORRUPT alarm: its members' data differ"
	case choice.Flags.Salvaged:
		out.Suspect = "taken from a member without quorum, because nothing else was left"
	}
	return out
}

func origin(cluster etcd.Cluster, m etcd.Member) snapshot.Origin {
	from := snapshot.Origin{
		Endpoint: m.Endpoint, EtcdVersion: m.Status.Version, ClusterID: etcd.FormatID(cluster.ID),
		MemberID: etcd.FormatID(m.ID), MemberName: m.Label(), Leader: m.ID == cluster.Leader, Members: []snapshot.Member{},
	}
	for _, other := range cluster.Members {
		if other.ID != 0 {
			from.Members = append(from.Members, snapshot.Member{
				ID: etcd.FormatID(other.ID), Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner,
			})
		}
	}
	return from
}
