package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// commit records the epoch on all machines, also on those that are not healthy yet: what they hold is the new data.
func (r *restoring) commit() bool {
	for _, m := range r.restored() {
		r.wantStart(m) // a majority may have been healthy before this one was asked
	}
	for _, m := range r.servers() {
		r.skipFailed(m)
		r.want(m, r.id("commit"), step.Commit, step.CommitSettings{Epoch: r.status.Plan.RestoreEpoch})
	}
	t := r.tally(r.servers(), r.id("commit"))
	if len(t.waiting) > 0 && !r.late() {
		r.say("records that the new data is the cluster's: waits for %s", names(t.waiting))
		return false
	}
	return true
}

// skipFailed takes steps that failed out of a machine's plan, since nothing after them is done.
func (r *restoring) skipFailed(m *Machine) {
	if !r.mine(m) {
		return
	}
	p := r.course.plan(m)
	var keep []v1alpha1.PlanStep
	for _, s := range p.Steps {
		if row := r.row(m.Name, s.ID); row == nil || row.Outcome != v1alpha1.StepFailed {
			keep = append(keep, s)
		}
	}
	if len(keep) != len(p.Steps) {
		p.Steps = keep
		r.put(m, p)
	}
}

// remainder is a step that some machines may still owe after the commit point.
type remainder struct {
	machines []*Machine
	id       string
}

// finish looks at what remains after the commit point. id makes the ids of the steps of this attempt.
func (r *restoring) finish(id func(string) string) {
	r.status.RemainingSteps = nil
	var bad []string
	for _, owed := range r.shape.remains(r, id) {
		t := r.tally(owed.machines, owed.id)
		bad = append(bad, t.failed...)
		for _, m := range t.waiting {
			bad = append(bad, names([]*Machine{m})+": not done in time")
		}
		if len(t.failed)+len(t.waiting) > 0 {
			r.status.RemainingSteps = append(r.status.RemainingSteps, owed.id)
		}
	}
	if last := id("healthy"); !slices.Contains(r.status.RemainingSteps, last) && len(filter(r.missed(), r.unfit)) > 0 {
		r.status.RemainingSteps = append(r.status.RemainingSteps, last)
	}
	if len(bad) > 0 {
		r.fail("StepsRemain", "the new data is kept, but: "+strings.Join(bad, "; "))
	}
	r.enter(v1alpha1.PhaseRestartCluster, stageClear, clearLimit, "puts the machines back on their normal plan")
}

func (r *restoring) membersRemain(id func(string) string) []remainder {
	var list []remainder
	if r.replaces() {
		list = append(list, remainder{r.admitter(), id("promote")})
	}
	return append(list, remainder{r.restored(), id("healthy")}, remainder{r.servers(), id("commit")})
}

// retry hands the remaining steps out again, with ids that follow from the one that was asked for.
func (r *restoring) retry() {
	switch {
	case r.late():
		r.finish(r.attempt)
	case r.held() && r.shape.retry(r):
		r.finish(r.attempt)
	}
}

// retryMembers tells whether all has ended.
func (r *restoring) retryMembers() bool {
	if r.replaces() && !r.promoted(r.attempt) {
		return false
	}
	healthy, commit := r.attempt("healthy"), r.attempt("commit")
	for _, m := range r.restored() {
		set := r.healthySettings(m).(step.HealthySettings)
		set.Revision = 0
		r.skipFailed(m)
		r.want(m, healthy, step.WaitHealthy, set)
	}
	for _, m := range r.servers() {
		r.skipFailed(m)
		r.want(m, commit, step.Commit, step.CommitSettings{Epoch: r.status.Plan.RestoreEpoch})
	}
	if t := r.tally(r.servers(), commit); len(t.waiting) > 0 {
		r.say("tries the remaining steps again: waits for %s", names(t.waiting))
		return false
	}
	return true
}

// attempt is the id of a step in the attempt after the one that retryFrom names.
func (r *restoring) attempt(name string) string {
	n := 0
	if _, text, ok := strings.Cut(r.spec.RetryFrom, "-retry-"); ok {
		_, _ = fmt.Sscanf(text, "%d", &n)
	}
	return fmt.Sprintf("%s-retry-%d", r.id(name), n+1)
}
