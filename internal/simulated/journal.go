package simulated

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// journal is what a machine remembers whatever becomes of the manager, and the faults that it found the manager at.
type journal struct {
	// version of the plan's object that was seen last: what is older only comes late.
	version int64
	// serial of the plan in force, and its text.
	serial int64
	text   string
	// answered is the newest answer that the manager has acknowledged, and in which version of the object.
	answered, answeredIn int64
	// steps counts how often each was carried out, by its id, which no other operation's has.
	steps  map[string]int
	faults []string
}

func newJournal() journal { return journal{steps: map[string]int{}} }

// accept takes note of a plan that has arrived, and says whether there is something to do.
func (j *journal) accept(plan *v1alpha1.MachinePlan) (bool, error) {
	version, err := strconv.ParseInt(plan.ResourceVersion, 10, 64)
	if err != nil || version < j.version {
		return false, err
	}
	j.version = version
	data, err := json.Marshal(plan.Spec)
	if err != nil {
		return false, err
	}
	if version > j.answeredIn && plan.Status.Serial < j.answered {
		j.fault("the answer to plan %d was acknowledged, and is lost: the manager has that to %d", j.answered, plan.Status.Serial)
	}
	before, text := j.text, string(data)
	switch {
	case plan.Spec.Serial < j.serial:
		j.fault("plan %d came after plan %d", plan.Spec.Serial, j.serial)
		return false, nil
	case plan.Spec.Serial == j.serial && before != "" && before != text:
		j.fault("plan %d came with two contents", j.serial)
	}
	j.serial, j.text = plan.Spec.Serial, text
	return before != text || j.answered < j.serial, nil
}

// acknowledged takes note of an answer that the manager has stored.
func (j *journal) acknowledged(plan *v1alpha1.MachinePlan) error {
	version, err := strconv.ParseInt(plan.ResourceVersion, 10, 64)
	j.answered, j.answeredIn = plan.Status.Serial, version
	return err
}

// did takes note of a step that was carried out.
func (j *journal) did(id string) {
	j.steps[id]++
	if n := j.steps[id]; n > 1 {
		j.fault("step %s was handed out %d times", id, n)
	}
}

func (j *journal) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

// Steps returns how often each step was carried out, by its id.
func (a *Agent) Steps() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.journal.steps)
}

// Faults are the contradictions that the manager has got itself into: a step handed out twice, a plan that went back or
// changed under the same serial, an acknowledged answer or a version of the plan that it has forgotten. plan is what it has
// stored now; nil when only what has happened so far is asked for.
func (a *Agent) Faults(plan *v1alpha1.MachinePlan) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if plan != nil {
		version, err := strconv.ParseInt(plan.ResourceVersion, 10, 64)
		switch {
		case err != nil:
			a.journal.fault("the plan's version is %q", plan.ResourceVersion)
		case version < max(a.journal.version, a.journal.answeredIn):
			a.journal.fault("the plan's version %d was seen, and is lost: it is %d", max(a.journal.version, a.journal.answeredIn), version)
		}
	}
	return slices.Clone(a.journal.faults)
}
