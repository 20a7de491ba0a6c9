package operation

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// rollBack asks all machines that got a plan to undo it, and waits until they have. A machine that never answers keeps
// its plan: it undoes it when it comes back.
func (r *restoring) rollBack() {
	if !r.held() && !r.late() {
		return
	}
	first := r.mayServe()
	var waiting, remain []*Machine
	for i := range r.Machines {
		m := &r.Machines[i]
		if !r.mine(m) || first != nil && m.Name != first.Name {
			continue
		}
		if !m.Plan.Spec.Undo {
			p := r.course.plan(m)
			p.Undo = true
			r.put(m, p)
		}
		if !undone(m) {
			remain = append(remain, m)
			if m.Alive || !r.isWorker(m) {
				waiting = append(waiting, m)
			}
		}
	}
	if len(waiting) > 0 && !r.late() {
		r.say("takes everything back: waits for %s", r.backs(waiting))
		return
	}
	switch {
	case first != nil:
		r.condition(conditionTakenBack, "False", "MayServe", first.Name+" may serve the restored data and does not take it back: "+r.backs(waiting)+
			". So the others stay stopped: two clusters would take writes. Let its agent work again, or delete its Machine once it is off; then set cancel")
	case len(remain) > 0:
		r.condition(conditionTakenBack, "False", "MachinesRemain", "not taken back yet on "+r.backs(remain)+
			". Each does it as soon as its agent works again; delete the Machine of one that never will")
	}
	r.enter(r.status.Phase, stageClear, clearLimit, "puts the machines back on their normal plan")
}

// mayServe is the init machine, from when it was asked to start until it has taken that back; nil otherwise, and where no
// machine alone can serve. While it may, the old cluster must not start: it is taken back before all others.
func (r *restoring) mayServe() *Machine {
	if !r.shape.alone {
		return nil
	}
	for _, m := range r.makers() {
		if r.mine(m) && r.handed(m, r.id("start")) && !undone(m) {
			return m
		}
	}
	return nil
}

// conditionTakenBack of a restore that could not be taken back everywhere.
const conditionTakenBack = "TakenBack"

// undone tells whether a machine has taken back all that it did for its plan. Undoing goes from the last step to the
// first, and stops at one that can't be undone: so the first says it all. One that never began has nothing to undo.
func undone(m *Machine) bool {
	if !m.Plan.Spec.Undo || m.Plan.Status.Serial < m.Plan.Spec.Serial {
		return false
	}
	if len(m.Plan.Spec.Steps) == 0 {
		return true
	}
	first := m.Plan.Spec.Steps[0]
	switch res := result(m, first.ID); {
	case res == nil, res.Outcome == v1alpha1.StepUndone, res.Outcome == v1alpha1.StepSkipped:
		return true
	case res.Outcome == v1alpha1.StepFailed:
		// It was refused, and nothing came after it.
		return !changes(first.Kind) && len(m.Plan.Status.Results) == 1
	}
	return false
}

// backs names machines with what keeps them from undoing.
func (r *restoring) backs(machines []*Machine) string {
	list := make([]string, len(machines))
	for i, m := range machines {
		list[i] = names([]*Machine{m})
		for _, res := range m.Plan.Status.Results {
			if m.Plan.Spec.Undo && m.Plan.Status.Serial >= m.Plan.Spec.Serial && res.Outcome == v1alpha1.StepFailed && res.Message != "" {
				list[i] += ": " + res.Message
			}
		}
	}
	return strings.Join(list, ", ")
}

// clearAll takes the plans off the machines that are done with theirs, and ends the restore.
func (r *restoring) clearAll() {
	var waiting []*Machine
	for i := range r.Machines {
		m := &r.Machines[i]
		if r.keeps(m) || !r.involved(m) {
			continue
		}
		if !r.clear(m) && (m.Alive || !r.isWorker(m)) {
			waiting = append(waiting, m)
		}
	}
	if len(waiting) > 0 && !r.late() {
		r.say("puts the machines back on their normal plan: waits for %s", names(waiting))
		return
	}
	r.status.Outcome = r.outcomeNow()
	r.end(r.notes()...)
}

func (r *restoring) involved(m *Machine) bool {
	if r.mine(m) || slices.Contains(m.Plan.Spec.Keep, r.op.UID) {
		return true
	}
	for _, s := range r.status.Steps {
		if s.Machine == m.Name {
			return true
		}
	}
	return false
}

// keeps tells whether a machine must keep its plan, because its agent can't leave it: steps that change it are neither
// undone nor committed there.
func (r *restoring) keeps(m *Machine) bool {
	if !r.mine(m) || m.unfinished() == "" {
		return false
	}
	if m.Plan.Spec.Undo {
		return !undone(m)
	}
	for _, s := range m.Plan.Spec.Steps {
		if row := r.row(m.Name, s.ID); s.Kind == "Commit" && row != nil && row.Outcome == v1alpha1.StepDone {
			return false
		}
	}
	return true
}

func (r *restoring) outcomeNow() string {
	switch {
	case r.committed() && r.failure() == nil:
		return v1alpha1.OutcomeRestored
	case r.committed():
		return v1alpha1.OutcomeKeptNew
	case !r.touched():
		return v1alpha1.OutcomeNothingDone
	case r.backEnough():
		return v1alpha1.OutcomeRolledBack
	}
	return v1alpha1.OutcomeHeld
}

// backEnough tells whether a majority of the machines with etcd has its old state back.
func (r *restoring) backEnough() bool {
	back, all := 0, filter(r.servers(), func(m *Machine) bool { return votes(r.part(m)) })
	for _, m := range all {
		if !r.keeps(m) {
			back++
		}
	}
	return back >= len(all)/2+1
}

// notes that the last message ends with.
func (r *restoring) notes() []string {
	var list []string
	for _, c := range r.status.Conditions {
		if c.Type == conditionTakenBack {
			list = append(list, c.Message)
		}
	}
	switch r.status.Outcome {
	case v1alpha1.OutcomeRestored:
		if r.replaces() {
			list = append(list, r.status.Plan.Replace+" is a member again, with the data of the others")
			break
		}
		text := "restored"
		if s := r.status.Plan.Snapshot; s != nil {
			text += " " + s.File
		} else if r.status.Plan.Survivor != "" {
			text += " what " + r.status.Plan.Survivor + " held"
		}
		list = append(list, text+" on "+names(r.restored()))
		list = append(list, r.tellMissed()...)
	case v1alpha1.OutcomeRolledBack:
		list = append(list, "the old state is back")
	case v1alpha1.OutcomeNothingDone:
		list = append(list, "nothing was touched")
	case v1alpha1.OutcomeKeptNew:
		if len(r.status.RemainingSteps) > 0 {
			list = append(list, r.goOn())
		}
	}
	return list
}

// goOn says what an administrator can do about steps that remain. A machine that is silent comes first: before it answers again,
// to go on leads nowhere.
func (r *restoring) goOn() string {
	text := "go on with retryFrom " + r.status.RemainingSteps[0]
	var silent []string
	for i := range r.Machines {
		if m := &r.Machines[i]; !m.Alive && (r.keeps(m) || named(r.missed(), m)) {
			silent = append(silent, m.Name)
		}
	}
	if len(silent) > 0 {
		text += " once " + strings.Join(silent, ", ") + " answers again, or once the Machine of what never will is deleted"
	}
	return text
}
