package operation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// TestAWorkerThatFallsSilentIsMissedByNameAndIsSeenThroughLater: nothing waits for it, the end names it, and what it owes it does
// when it is back, whether it was stopped before it fell silent or has heard of nothing.
func TestAWorkerThatFallsSilentIsMissedByNameAndIsSeenThroughLater(t *testing.T) {
	const while, hours = time.Minute, 3 * time.Hour
	for name, c := range map[string]struct {
		stopped bool          // it was told to stop, and did
		away    time.Duration // from the end of the restore on
		deleted bool
		// then is what it does for the next attempt.
		then []string
	}{
		"stopped, and back soon": {stopped: true, away: while},
		"stopped, and back when its steps are out of date": {
			stopped: true, away: hours, then: []string{"w1 StartDistro", "w1 WaitHealthy", "w1 Commit"},
		},
		"running, and back soon": {away: while},
		"running, and back when its steps are out of date": {
			away: hours, then: []string{"w1 StopDistro", "w1 StartDistro", "w1 WaitHealthy", "w1 Commit"},
		},
		"never back": {stopped: true, away: while, deleted: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := joinWorld(t, "w1", "w2"), from(snap)
			approve(t, w, r)
			w1 := w.nodes["w1"]
			w.settle(func() bool {
				decided := decideRestore(w, r)
				w1.cut = w1.cut || slices.Contains(w.sequence, "w1 StopDistro") || !c.stopped && w1.handed(step.StopDistro)
				return decided
			}, while)
			if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != v1alpha1.OutcomeKeptNew {
				t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			for _, want := range []string{
				"w1 (it has not been heard of since 2026-11-22 02:", "go on with retryFrom " + r.Status.RemainingSteps[0] + " once w1 answers again",
				"once the Machine of what never will is deleted",
			} {
				if !strings.Contains(r.Status.Message, want) {
					t.Errorf("%q is not in %s", want, r.Status.Message)
				}
			}
			if w2 := w.nodes["w2"]; !w2.running || w2.epoch != 1 || w.holder != nil {
				t.Errorf("w2 %+v, lock %v", w2.disk, w.holder)
			}
			w.now = w.now.Add(c.away)
			if w1.cut = false; c.deleted {
				delete(w.nodes, "w1")
			}
			for w.agents() {
			}
			before := len(w.sequence)
			r.Spec.RetryFrom = r.Status.RemainingSteps[0]
			restores(w, r, time.Hour)
			if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			if diff := cmp.Diff(c.then, w.sequence[before:], cmp.Transformer("none", func(s []string) string { return strings.Join(s, ", ") })); diff != "" {
				t.Error(diff)
			}
			if !c.deleted && (!w1.running || w1.epoch != 1 || w1.Plan.Spec.Operation != nil) {
				t.Errorf("w1 %+v", w1.disk)
			}
		})
	}
}

// handed tells whether the machine's stored plan has a step of a kind.
func (n *node) handed(kind step.Kind) bool {
	return slices.ContainsFunc(n.Plan.Spec.Steps, func(s v1alpha1.PlanStep) bool { return s.Kind == string(kind) })
}

// TestAWorkerThatMissesARestoreIsNamed: it finds the cluster again by itself, unless the server that it joins is no longer one.
// Then it is told another as soon as somebody asks for that.
func TestAWorkerThatMissesARestoreIsNamed(t *testing.T) {
	for name, lost := range map[string]bool{"it joins a server that is left": false, "it joins one that is not": true} {
		t.Run(name, func(t *testing.T) {
			w, r := joinWorld(t, "w1"), from(snap)
			w1 := w.nodes["w1"]
			if w1.cut = true; lost {
				w.nodes["a"].down, w.nodes["a"].absent = true, true
				r.Spec.ConfirmPoweredOff = []string{"a"}
			}
			served(t, w, r)
			if !lost {
				if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(r.Status.Message, "nobody waited for w1 (it has not been heard of since") {
					t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
				}
				return
			}
			if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(r.Status.Message, "what the plan says of w1 (it has not been heard of since") ||
				!slices.Equal(r.Status.RemainingSteps, []string{"healthy-0a1b2c3d"}) {
				t.Fatalf("%s, %v: %s", r.Status.Outcome, r.Status.RemainingSteps, r.Status.Message)
			}
			w1.cut = false
			r.Spec.RetryFrom = r.Status.RemainingSteps[0]
			restores(w, r, time.Hour)
			if r.Status.Outcome != v1alpha1.OutcomeRestored || len(r.Status.RemainingSteps) > 0 || w1.joins != urlOf("b") || !w1.running || w1.epoch != 1 {
				t.Errorf("%s: %s; w1 %+v", r.Status.Outcome, r.Status.Message, w1.disk)
			}
		})
	}
}

// TestAServerThatFallsSilentAfterTheCommitPointIsMissedByName: the others come back, and it does when it can.
func TestAServerThatFallsSilentAfterTheCommitPointIsMissedByName(t *testing.T) {
	w, r := joinWorld(t), from(snap)
	approve(t, w, r)
	a := w.nodes["a"]
	w.settle(func() bool {
		a.cut = a.cut || r.Status.Committed != nil
		return decideRestore(w, r)
	}, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || !strings.Contains(r.Status.Message, "a: it has not been heard of since") ||
		!strings.Contains(r.Status.Message, "once a answers again") {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	if c := w.nodes["c"]; !c.running || c.data != restoredData || c.epoch != 1 {
		t.Errorf("c %+v", c.disk)
	}
	a.cut = false
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || !a.running || a.data != restoredData || a.fenced || a.epoch != 1 {
		t.Errorf("%s: %s; a %+v", r.Status.Outcome, r.Status.Message, a.disk)
	}
	if !slices.ContainsFunc(r.Status.Steps, func(s v1alpha1.StepStatus) bool { return s.Machine == "a" && s.Step == string(step.Commit) }) {
		t.Error("nothing was recorded on a")
	}
}
