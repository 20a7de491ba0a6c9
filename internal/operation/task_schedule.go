package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// How a task that hands the schedule over works: SetScheduler restarts the server of one machine after the other, those of
// followers first and the leader's last. None begins before all other members are healthy, so that etcd keeps its quorum;
// where there is one member alone, it is away for as long as its restart takes. The first failure ends it, and the machines
// that come after it stay as they are.

// subjectSchedule is what the results of such a task are about.
const subjectSchedule = "schedule"

// order puts the leader last where machines restart.
func (t *tasking) order(machines []*Machine) []*Machine {
	if t.spec.Action != v1alpha1.TaskSetScheduler {
		return machines
	}
	ordered := slices.Clone(machines)
	slices.SortStableFunc(ordered, func(a, b *Machine) int {
		switch {
		case a.leads() == b.leads():
			return 0
		case a.leads():
			return 1
		}
		return -1
	})
	return ordered
}

// turns works on the first machine that is not done.
func (t *tasking) turns() {
	id := t.id("work")
	for _, m := range t.machines() {
		outcome, why := t.outcome(m, id)
		switch {
		case outcome == v1alpha1.StepDone:
			continue
		case outcome == v1alpha1.StepFailed:
			t.judge([]string{m.Name + ": " + why})
			t.leave()
			return
		case t.late():
			t.judge([]string{m.Name + ": not done in " + about(taskLimit)})
			t.leave()
			return
		}
		if !t.handed(m, id) {
			if why := t.fragile(m); why != "" {
				t.say("waits before it restarts %s: %s", m.Name, why)
				return
			}
		}
		t.want(m, id, t.kind(), t.settings(nil))
		t.say("hands the schedule over on %s", m.Name)
		return
	}
	t.judge(nil)
	t.leave()
}

// fragile says which other members must be well before this machine may be restarted.
func (t *tasking) fragile(m *Machine) string {
	var ill []string
	for _, other := range t.etcdMachines() {
		if other.Name == m.Name {
			continue
		}
		if why := other.unready(); why != "" {
			ill = append(ill, fmt.Sprintf("%s: %s", other.Name, why))
		}
	}
	return strings.Join(ill, "; ")
}
