package operation

import (
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

func (r *restoring) healthySettings(*Machine) any {
	if a := r.status.Admitted; a != nil {
		return step.HealthySettings{ClusterID: a.ClusterID, MemberID: a.MemberID}
	}
	set := step.HealthySettings{}
	if made, err := r.rebuilt(); err == nil && made != nil {
		set.Revision = made.Revision
	}
	for _, p := range r.status.Plan.Machines {
		if p.Action == v1alpha1.ActionRestore {
			set.Members = append(set.Members, p.Member)
		}
	}
	return set
}

// startAll starts all members together: one alone would wait for a majority. The majority that is healthy is the commit
// point.
func (r *restoring) startAll() bool {
	if err := r.lost(); err != nil {
		r.give("MachineFailed", err.Error())
		return false
	}
	machines := r.restored()
	for _, m := range machines {
		r.wantStart(m)
	}
	t, needed := r.tally(machines, r.id("healthy")), len(machines)/2+1
	started := r.tally(machines, r.id("start"))
	bad := append(started.failed, t.failed...)
	switch {
	case len(t.done) >= needed:
		return true
	case r.hopeless(machines, needed):
		r.give("StepFailed", "the restored cluster did not become healthy: "+strings.Join(bad, "; "))
	case r.late():
		r.give("DeadlineExceeded", "the restored cluster did not become healthy in "+about(startLimit)+": waits for "+names(t.waiting))
	default:
		r.say("starts etcd: healthy on %d of %d, %d are needed; waits for %s", len(t.done), len(machines), needed, names(t.waiting))
	}
	return false
}

// healthyWhere words the commit point.
func (r *restoring) healthyWhere() string {
	return "the new data is healthy on " + names(r.tally(r.restored(), r.id("healthy")).done)
}

func (r *restoring) wantStart(m *Machine) {
	r.want(m, r.id("start"), step.StartDistro, nil)
	r.want(m, r.id("healthy"), step.WaitHealthy, r.healthySettings(m))
}

// hopeless tells whether too many have failed for a majority.
func (r *restoring) hopeless(machines []*Machine, needed int) bool {
	able := 0
	for _, m := range machines {
		start, _ := r.outcome(m, r.id("start"))
		healthy, _ := r.outcome(m, r.id("healthy"))
		if start != v1alpha1.StepFailed && healthy != v1alpha1.StepFailed {
			able++
		}
	}
	return able < needed
}
