package agent

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// A server of K3s or RKE2 that has no data adds itself to the cluster, through the one that it is pointed at, and the leader
// gives it its vote. What is left to do before is to take its old data away, and its old member out, if the others know it:
// they refuse a second one of its name.

// decideServer plans how a server, or a worker, joins a running cluster anew.
func (r *LocalRejoin) decideServer(ctx context.Context, cfg Config, d distro.Driver, inst *distro.Installation, plan *rejoinPlan) error {
	if r.Server == "" {
		return &problem.Error{
			Kind: problem.Usage, Op: "rejoin", Why: "no server is named to join through",
			Next: "say --server with the URL of one that serves, as https://10.0.0.1:6443 (with RKE2 port 9345)",
		}
	}
	if _, err := d.Belongings(ctx); err != nil {
		return err
	}
	if err := r.secrets.load(); err != nil {
		return err
	}
	if r.secrets.any() {
		plan.Operation.SecretName = localName
	}
	plan.text = []string{"Makes this machine, " + inst.Distribution.NodeName + ", join the cluster of " + r.Server + " with no data of its own."}
	steps := []planned{{step.Fence, "", nil}, {step.StopDistro, "", nil}}
	admit, err := r.expels(ctx, inst, plan)
	if err != nil {
		return err
	}
	if admit != nil {
		steps = append(steps, planned{step.AdmitMember, "", *admit}) // its certificates are still in their place
	}
	steps = append(steps, planned{step.MoveAside, "", nil}, planned{step.PointServer, "", step.PointSettings{Server: r.Server}})
	if inst.DataDir != "" {
		plan.text = append(plan.text, "Its data in "+inst.DataDir+", its certificates and keys are moved aside to names that end with .holdfast-"+plan.Operation.UID+".")
		steps = append(steps, planned{step.JoinEtcd, "", step.AdmitEvidence{}})
	}
	plan.text = append(plan.text, "If anything fails before it serves again, what was there comes back, except for a place among the members.")
	plan.Steps, err = planSteps(cfg.Now().Add(r.Timeout), append(steps,
		planned{step.StartDistro, "", nil},
		planned{step.WaitHealthy, "", step.HealthySettings{Serves: true}},
		planned{step.Commit, "", step.CommitSettings{Epoch: plan.epoch}}))
	return err
}

// expels are the members that this machine was to the cluster that it is to join; nil when there are none.
func (r *LocalRejoin) expels(ctx context.Context, inst *distro.Installation, plan *rejoinPlan) (*step.AdmitSettings, error) {
	if inst.DataDir == "" {
		return nil, nil
	}
	endpoints := r.Endpoints
	if len(endpoints) == 0 {
		endpoints = etcdBeside(r.Server)
	}
	limited, cancel := context.WithTimeout(ctx, 5*dialTime)
	defer cancel()
	cluster, err := inspect(limited, inst, endpoints)
	if err != nil {
		plan.text = append(plan.text, "Whether its members know this machine could not be asked, at "+strings.Join(endpoints, ", ")+": "+err.Error())
		return nil, nil //nolint:nilerr // the address may be a balancer's; a member of this name makes the join fail, and that is told
	}
	own, _ := distro.Look(ctx, inst.Client)
	if own != nil && own.ClusterID == etcd.FormatID(cluster.ID) && own.Role != "" && !slices.Contains(own.Alarms, string(etcd.Corrupt)) {
		return nil, refuseRejoin("its member is healthy: there is nothing to replace", "")
	}
	set := &step.AdmitSettings{ClusterID: etcd.FormatID(cluster.ID), Machine: inst.Distribution.NodeName, PeerURLs: peerURLs(inst), Through: endpoints}
	for _, m := range cluster.Members {
		if m.ID != 0 && (shares(m.PeerURLs, set.PeerURLs) || step.NamedAfter(m.Name, inst.Distribution.NodeName)) {
			set.Remove = append(set.Remove, etcd.FormatID(m.ID))
			plan.text = append(plan.text, "Member "+m.Label()+" ("+etcd.FormatID(m.ID)+") is removed first.")
		}
	}
	if len(set.Remove) == 0 {
		return nil, nil
	}
	return set, nil
}

// etcdBeside is where the etcd of a server is reached, when the URL is its own and no balancer's.
func etcdBeside(server string) []string {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return []string{server}
	}
	return []string{"https://" + net.JoinHostPort(u.Hostname(), "2379")}
}

// peerURLs are those that this machine's member has, or would have where its data is lost.
func peerURLs(inst *distro.Installation) []string {
	if len(inst.PeerURLs) > 0 || inst.Distribution.JoinURL == "" {
		return inst.PeerURLs
	}
	u, err := url.Parse(inst.Distribution.JoinURL)
	if err != nil {
		return nil
	}
	return []string{"https://" + net.JoinHostPort(u.Hostname(), "2380")}
}

// runServer carries it out. All of it is taken back when a step fails.
func (r *LocalRejoin) runServer(ctx context.Context, l *localRun) error {
	bad, err := l.forward(ctx)
	if bad == nil || err != nil {
		return err
	}
	return l.back(ctx, "rejoin", bad)
}
