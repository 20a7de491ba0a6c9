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
	all := append(r.servers(), r.workers()...)
	if r.replaces() {
		return append(all, r.admitter()...)
	}
	return all
}

func (r *restoring) fencesReplaced() string {
	return "keeps etcd on " + r.status.Plan.Replace + " from starting by itself"
}

func (r *restoring) admits() string {
	return "has " + r.status.Plan.InitMachine + " take " + r.status.Plan.Replace + " in"
}

// admit has the lost members removed and the new one added, without a vote. Whoever is removed does not run any more: the
// stages before this one have seen to it.
func (r *restoring) admit() bool {
	plan := r.status.Plan
	set := step.AdmitSettings{ClusterID: plan.ClusterID, Machine: plan.Replace, Remove: plan.RemoveMembers}
	for _, p := range plan.Machines {
		if p.Machine == plan.Replace {
			set.PeerURLs = p.PeerURLs
		}
	}
	if !r.every(r.admitter(), r.id("admit"), step.AdmitMember, "takes "+plan.Replace+" into the cluster", func(*Machine) any { return set }) {
		return false
	}
	var made step.AdmitEvidence
	for _, m := range r.admitter() {
		evidence(m, r.id("admit"), &made)
	}
	if made.ClusterID == "" {
		r.give("StepFailed", plan.InitMachine+" does not say which member it has added")
		return false
	}
	r.status.Admitted = &v1alpha1.AdmittedMember{ClusterID: made.ClusterID, MemberID: made.MemberID}
	return true
}

// joins is the size of the database that a machine gets from the others; 0 when it gets none, or nobody knows.
func (r *restoring) joins(m *Machine) int64 {
	if r.part(m).Action != v1alpha1.ActionRejoin {
		return 0
	}
	if s := r.status.Plan.Snapshot; s != nil {
		return s.Size
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

func (r *restoring) preparesToJoin() string { return "prepares " + r.status.Plan.Replace + " to join" }

func (r *restoring) join() bool {
	return r.every(r.restored(), r.id("join"), step.JoinEtcd, r.preparesToJoin(), func(*Machine) any { return r.admitted() })
}

func (r *restoring) startsReplaced() string { return "starts etcd on " + r.status.Plan.Replace }

// startJoined starts the new member and waits until it follows the leader. Then comes the commit point: to take a vote
// back could cost the cluster its quorum, and nobody may have to find out whether it was given.
func (r *restoring) startJoined() bool {
	set := step.HealthySettings{ClusterID: r.status.Admitted.ClusterID, MemberID: r.status.Admitted.MemberID, Learner: true}
	return r.every(r.restored(), r.id("start"), step.StartDistro, r.startsReplaced(), none) &&
		r.every(r.restored(), r.id("joined"), step.WaitHealthy, "waits for the member on "+r.status.Plan.Replace, func(*Machine) any { return set })
}

func (r *restoring) follows() string {
	return "the member on " + r.status.Plan.Replace + " follows the others"
}

func (r *restoring) promotes() string {
	return "gives the member on " + r.status.Plan.Replace + " its vote once it has caught up"
}

func (r *restoring) promote() bool {
	if r.late() {
		r.finish(r.id)
		return false
	}
	return r.promoted(r.id)
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

func (r *restoring) removes() string {
	return "has " + r.status.Plan.InitMachine + " remove the lost member"
}

// remove has the lost members removed. The distribution takes the new one in by itself, when it joins.
func (r *restoring) remove() bool {
	plan := r.status.Plan
	set := step.AdmitSettings{ClusterID: plan.ClusterID, Machine: plan.Replace, Remove: plan.RemoveMembers}
	return r.every(r.admitter(), r.id("admit"), step.AdmitMember, r.removes(), func(*Machine) any { return set })
}

// mayVote words the commit point of a machine that joins by itself: it gets its vote as soon as it follows the others, and
// nobody could tell whether it has it when it is to be taken back.
func (r *restoring) mayVote() string {
	return r.status.Plan.Replace + " is about to start, and gets its vote by itself"
}
