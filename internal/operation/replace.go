package operation

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// replaces tells whether the plan makes one member anew while the others go on.
func (r *restoring) replaces() bool { return r.status.Plan != nil && r.status.Plan.Replace != "" }

// admitter is the machine whose member takes the new one in; none when it is gone.
func (r *restoring) admitter() []*Machine {
	if m := r.machine(r.status.Plan.InitMachine); m != nil {
		return []*Machine{m}
	}
	return nil
}

// asked are the machines that check whether they are ready.
func (r *restoring) asked() []*Machine {
	if !r.replaces() {
		return r.all()
	}
	return append(r.all(), r.admitter()...)
}

// admit has the lost members removed and the new one added, without a vote. Whoever is removed does not run any more: the
// stages before this one have seen to it.
func (r *restoring) admit() {
	plan := r.status.Plan
	set := step.AdmitSettings{ClusterID: plan.ClusterID, Machine: plan.Replace, Remove: plan.RemoveMembers}
	for _, p := range plan.Machines {
		if p.Machine == plan.Replace {
			set.PeerURLs = p.PeerURLs
		}
	}
	if !r.every(r.admitter(), r.id("admit"), step.AdmitMember, "takes "+plan.Replace+" into the cluster", func(*Machine) any { return set }) {
		return
	}
	var made step.AdmitEvidence
	for _, m := range r.admitter() {
		evidence(m, r.id("admit"), &made)
	}
	if made.ClusterID == "" {
		r.give("StepFailed", plan.InitMachine+" does not say which member it has added")
		return
	}
	r.status.Admitted = &v1alpha1.AdmittedMember{ClusterID: made.ClusterID, MemberID: made.MemberID}
	r.enter(v1alpha1.PhaseRestore, stageJoin, joinLimit, "prepares "+plan.Replace+" to join")
}

// joins is the size of the database that a machine gets from the others; 0 when it gets none, or nobody knows.
func (r *restoring) joins(m *Machine) int64 {
	if m.Name != r.status.Plan.Replace {
		return 0
	}
	for _, keeper := range r.admitter() {
		if e := keeper.Status.Etcd; e != nil && e.Size != nil {
			return e.Size.Value()
		}
	}
	return 0
}

func (r *restoring) admitted() step.AdmitEvidence {
	return step.AdmitEvidence{ClusterID: r.status.Admitted.ClusterID, MemberID: r.status.Admitted.MemberID}
}

func (r *restoring) join() {
	if r.every(r.restored(), r.id("join"), step.JoinEtcd, "prepares "+r.status.Plan.Replace+" to join", func(*Machine) any { return r.admitted() }) {
		r.enter(v1alpha1.PhaseRestartCluster, stageStart, startLimit, "starts etcd on "+r.status.Plan.Replace)
	}
}

// startJoined starts the new member and waits until it follows the leader. Then comes the commit point: to take a vote
// back could cost the cluster its quorum, and nobody may have to find out whether it was given.
func (r *restoring) startJoined() {
	set := step.HealthySettings{ClusterID: r.status.Admitted.ClusterID, MemberID: r.status.Admitted.MemberID, Learner: true}
	machine := r.status.Plan.Replace
	if !r.every(r.restored(), r.id("start"), step.StartDistro, "starts etcd on "+machine, none) ||
		!r.every(r.restored(), r.id("joined"), step.WaitHealthy, "waits for the member on "+machine, func(*Machine) any { return set }) {
		return
	}
	r.status.Committed = now(r.Now)
	r.event(false, "Committed", "the member on "+machine+" follows the others: from here on nothing is taken back")
	r.enter(v1alpha1.PhaseRestartCluster, stagePromote, promoteLimit, "gives the member on "+machine+" its vote once it has caught up")
}

func (r *restoring) promote() {
	switch {
	case r.late():
		r.finish(r.id)
	case r.promoted(r.id):
		r.enter(v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, "records that the data is the cluster's")
	}
}

// promoted tells whether the new member has its vote. When it can't get it the restore ends, with what remains.
func (r *restoring) promoted(id func(string) string) bool {
	helpers := r.admitter()
	for _, m := range helpers {
		r.want(m, id("promote"), step.PromoteMember, r.admitted())
	}
	switch t := r.tally(helpers, id("promote")); {
	case len(helpers) == 0 || len(t.failed) > 0:
		r.finish(id)
	case len(t.waiting) > 0:
		r.say("waits for the member on %s to catch up: %s", r.status.Plan.Replace, names(t.waiting))
	default:
		return true
	}
	return false
}
