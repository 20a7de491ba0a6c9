package agent

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// LocalRejoin makes this machine a member of its running cluster again, with no data of its own, where no manager asks for
// it: the same steps, from the same journal. In place of another machine's agent it asks a healthy member itself.
type LocalRejoin struct {
	// Endpoints of healthy members, as etcdctl takes them.
	Endpoints []string
	// Server that a machine of K3s or RKE2 joins through.
	Server string
	// TokenFile holds the token of the cluster, where this machine has another.
	TokenFile string
	// Epoch of the cluster, when it is higher than what this machine has heard of.
	Epoch int64
	// Timeout of each step.
	Timeout time.Duration

	secrets localSecrets
}

// rejoinUID begins the uids of these operations, so that one that was cut is gone on with.
const rejoinUID = "rejoin-"

// rejoinPlan is what is to be done.
type rejoinPlan struct {
	v1alpha1.MachinePlanSpec
	text []string
	// learner is the member that follows the others on this machine already: all but its vote is done.
	learner *step.AdmitEvidence
	epoch   int64
	// joins: a distribution does most of it by itself.
	joins bool
}

// Plan says what it would do. It changes nothing.
func (r *LocalRejoin) Plan(ctx context.Context, cfg Config) ([]string, error) {
	_, plan, err := r.prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return plan.text, nil
}

// Run rejoins. A step that fails takes everything back, up to the moment when the new member follows the others; from
// there on it is run again. So it is after a death at any point.
func (r *LocalRejoin) Run(ctx context.Context, cfg Config, w io.Writer) error {
	a, plan, err := r.prepare(ctx, cfg)
	if err != nil {
		return err
	}
	l := a.localRun(plan.MachinePlanSpec, w)
	if l.plan.Undo {
		return l.back(ctx, "rejoin", nil)
	}
	if plan.joins {
		return r.runServer(ctx, l)
	}
	bad, err := l.forward(ctx)
	for _, further := range []func(*rejoinPlan, *localRun) error{r.joining, r.voting} {
		if bad != nil || err != nil {
			break
		}
		if err = further(plan, l); err == nil {
			bad, err = l.forward(ctx)
		}
	}
	switch {
	case bad == nil || err != nil:
		return err
	case plan.learner == nil && l.done(step.Commit) == nil:
		return l.back(ctx, "rejoin", bad)
	}
	return &problem.Error{
		Kind: problem.Failed, Op: "rejoin", Subject: bad.ID, Why: bad.Message, Next: "the member follows the others but has no vote yet: run it again",
	}
}

// prepare looks at both sides and makes the plan, or finds the one that was cut.
func (r *LocalRejoin) prepare(ctx context.Context, cfg Config) (*Agent, *rejoinPlan, error) {
	a, inst, err := openInstalled(ctx, cfg, "rejoin")
	if err != nil {
		return nil, nil, err
	}
	have, err := restoring.ReadEpoch(cfg.StateDir)
	if err != nil {
		return nil, nil, err
	}
	o, _ := a.standing.get()
	plan := &rejoinPlan{epoch: max(have.Epoch, o.Spec.RestoreEpoch, r.Epoch), joins: inst.Distribution != nil}
	r.secrets = localSecrets{TokenFile: r.TokenFile}
	a.secrets = &r.secrets
	last, err := a.journal.Plan()
	if err != nil {
		return nil, nil, err
	}
	busy, err := a.busy()
	if err != nil {
		return nil, nil, err
	}
	if busy && strings.HasPrefix(last.Operation.UID, rejoinUID) {
		plan.MachinePlanSpec, plan.text = last, []string{"An attempt that was cut is gone on with. To take it back run holdfast-agent undo."}
		for i := range plan.Steps {
			plan.Steps[i].Deadline = metav1.NewTime(cfg.Now().Add(r.Timeout))
		}
		return a, plan, r.secrets.load()
	}
	plan.MachinePlanSpec = v1alpha1.MachinePlanSpec{
		Serial: last.Serial, Operation: &v1alpha1.PlanOperation{Kind: restoreKind, Name: "local", UID: rejoinUID + random()},
	}
	if plan.joins {
		return a, plan, r.decideServer(ctx, cfg, a.driver(o), inst, plan)
	}
	return a, plan, r.decide(ctx, cfg, inst, plan)
}

// decide compares the running cluster with what this machine has, and plans the first steps.
func (r *LocalRejoin) decide(ctx context.Context, cfg Config, inst *distro.Installation, plan *rejoinPlan) error {
	if len(r.Endpoints) == 0 {
		return &problem.Error{
			Kind: problem.Usage, Op: "rejoin", Why: "no healthy member is named", Next: "say --endpoints with the client URLs of members on other machines",
		}
	}
	cluster, err := r.look(ctx, inst)
	if err != nil {
		return err
	}
	own, _ := distro.Look(ctx, inst.Client) // it may be what is broken
	if own != nil && own.ClusterID == etcd.FormatID(cluster.ID) {
		switch {
		case own.Role == "learner":
			plan.learner = &step.AdmitEvidence{ClusterID: own.ClusterID, MemberID: own.ID, Through: r.Endpoints}
			plan.text = []string{"This machine's member follows the others without a vote. It gets its vote once it has caught up."}
			return nil
		case own.Role != "" && !slices.Contains(own.Alarms, string(etcd.Corrupt)):
			return refuseRejoin("its member is healthy: there is nothing to replace", "")
		}
	}
	remove, err := replaced(cluster, inst)
	if err != nil {
		return err
	}
	set := step.AdmitSettings{ClusterID: etcd.FormatID(cluster.ID), Machine: inst.Member, PeerURLs: inst.PeerURLs, Through: r.Endpoints}
	plan.text = []string{"Makes member " + inst.Member + " of etcd cluster " + set.ClusterID + " anew, with the data of the others, which go on serving."}
	for _, m := range remove {
		set.Remove = append(set.Remove, etcd.FormatID(m.ID))
		plan.text = append(plan.text, "Member "+m.Label()+" ("+etcd.FormatID(m.ID)+") is removed first.")
	}
	plan.text = append(plan.text,
		"etcd on this machine is stopped. Its data in "+inst.DataDir+" is moved aside to "+inst.DataDir+".holdfast-"+plan.Operation.UID+".",
		"If anything fails before the new member follows the others, the old data comes back, but not the removed member's place.")
	return r.add(cfg.Now(), plan, []planned{
		{step.Fence, "", nil}, {step.StopDistro, "", nil}, {step.MoveAside, "", nil}, {step.AdmitMember, "", set},
	})
}

// look asks the members that are named, then all that they know of, except this machine's own: it may hold the data of
// another cluster.
func (r *LocalRejoin) look(ctx context.Context, inst *distro.Installation) (etcd.Cluster, error) {
	table, err := inspect(ctx, inst, r.Endpoints)
	if err != nil {
		return table, err
	}
	endpoints := slices.Clone(r.Endpoints)
	for _, m := range table.Members {
		if !shares(m.PeerURLs, inst.PeerURLs) {
			endpoints = append(endpoints, m.ClientURLs...)
		}
	}
	slices.Sort(endpoints)
	return inspect(ctx, inst, slices.Compact(endpoints))
}

func inspect(ctx context.Context, inst *distro.Installation, endpoints []string) (etcd.Cluster, error) {
	cfg := inst.Client
	cfg.Endpoints = endpoints
	client, err := etcd.Dial(ctx, cfg)
	if err != nil {
		return etcd.Cluster{}, err
	}
	defer client.Close()
	return client.Inspect(ctx)
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(url string) bool { return slices.Contains(b, url) })
}

// replaced are the members in whose place this machine's comes: whoever is expected at its addresses, and one of its name
// that is lost. The others must do without them.
func replaced(c etcd.Cluster, inst *distro.Installation) ([]etcd.Member, error) {
	var gone []etcd.Member
	voters, well := 0, 0
	for _, m := range c.Members {
		own := shares(m.PeerURLs, inst.PeerURLs)
		switch {
		case m.ID == 0:
			continue
		case !own && m.Name != "" && m.Name == inst.Member && m.Answers():
			return nil, refuseRejoin(fmt.Sprintf("member %s answers at %s: two can't have one name", m.Name, m.Endpoint), "give this machine's etcd a name of its own")
		case own || m.Name != "" && m.Name == inst.Member:
			gone = append(gone, m)
		case !m.Learner && m.Answers() && m.ReadErr == nil:
			well++
		}
		if !m.Learner {
			voters++
		}
	}
	if well < voters/2+1 {
		return nil, refuseRejoin(fmt.Sprintf("%d of %d members are healthy without it, which is no majority", well, voters),
			"restore a snapshot, or the survivor, on all machines: holdfast-agent restore")
	}
	return gone, nil
}

func refuseRejoin(why, next string) error {
	return &problem.Error{Kind: problem.Refused, Op: "rejoin", Why: why, Next: next}
}

// joining starts the member that was admitted, and commits once it follows the others: from there on the way back would
// cost them a member that they may need by then.
func (r *LocalRejoin) joining(plan *rejoinPlan, l *localRun) error {
	if plan.learner != nil {
		return nil
	}
	admitted, err := l.admitted()
	if err != nil {
		return err
	}
	return r.append(plan, l, []planned{
		{step.JoinEtcd, "", admitted}, {step.StartDistro, "", nil},
		{step.WaitHealthy, "", step.HealthySettings{ClusterID: admitted.ClusterID, MemberID: admitted.MemberID, Learner: true}},
		{step.Commit, "", step.CommitSettings{Epoch: plan.epoch}},
	})
}

// voting gives the member its vote.
func (r *LocalRejoin) voting(plan *rejoinPlan, l *localRun) error {
	admitted := plan.learner
	if admitted == nil {
		var err error
		if admitted, err = l.admitted(); err != nil {
			return err
		}
	}
	return r.append(plan, l, []planned{
		{step.PromoteMember, "", admitted},
		{step.WaitHealthy, "-vote", step.HealthySettings{ClusterID: admitted.ClusterID, MemberID: admitted.MemberID}},
	})
}

// planned is a step of a local operation. Its id is its kind, with a suffix where a kind occurs twice.
type planned struct {
	kind     step.Kind
	suffix   string
	settings any
}

func (r *LocalRejoin) append(plan *rejoinPlan, l *localRun, steps []planned) error {
	err := r.add(l.agent.cfg.Now(), plan, steps)
	l.plan.Steps = plan.Steps
	return err
}

// add plans steps that are not planned yet.
func (r *LocalRejoin) add(now time.Time, plan *rejoinPlan, steps []planned) error {
	all, err := planSteps(now.Add(r.Timeout), steps)
	for _, one := range all {
		if !slices.ContainsFunc(plan.Steps, func(p v1alpha1.PlanStep) bool { return p.ID == one.ID }) {
			plan.Steps = append(plan.Steps, one)
		}
	}
	return err
}
