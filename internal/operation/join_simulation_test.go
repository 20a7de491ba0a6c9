package operation

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// joinSimulation drives a restore of a cluster whose machines join one another through faults: whatever happens, no two
// clusters take writes, and it ends as it may.
type joinSimulation struct {
	*world
	rt      *rapid.T
	restore *v1alpha1.EtcdSnapshotRestore
	// retries that are left to whoever wants the rest done.
	retries int
}

func TestWhateverHappensNoSecondClusterIsBorn(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		s := &joinSimulation{world: joinWorld(rt, "cp1", "w1"), rt: rt, restore: from(snap)}
		s.restore.Name, s.restore.UID = "one", uid
		if rapid.Bool().Draw(rt, "apart") {
			s.apart()
		}
		if rapid.IntRange(0, 3).Draw(rt, "hold") == 0 {
			s.restore.Spec.OnFailure = v1alpha1.FailureHold
		}
		s.retries = rapid.IntRange(0, 2).Draw(rt, "retries")
		calm := rapid.IntRange(0, 100).Draw(rt, "calm")
		for i := range 120 {
			if i >= calm {
				s.fault()
			}
			s.turn()
			s.check()
		}
		s.heal()
		for range 5000 {
			if s.restore.Status.Phase.Ended() && s.holder == nil && !s.goOn() {
				break
			}
			if !s.turn() {
				s.now = s.now.Add(time.Minute)
			}
			s.check()
		}
		s.ended()
		outcomes[s.restore.Status.Outcome]++
	})
	for _, o := range []string{v1alpha1.OutcomeRestored, v1alpha1.OutcomeRolledBack, v1alpha1.OutcomeNothingDone} {
		if outcomes[o] == 0 {
			t.Errorf("no case came to %s: %v", o, outcomes)
		}
	}
	t.Logf("outcomes: %v", outcomes)
}

// fault lets something go wrong, or get better.
func (s *joinSimulation) fault() {
	n := s.nodes[rapid.SampledFrom([]string{"a", "b", "b", "c", "cp1", "w1"}).Draw(s.rt, "machine")]
	// The moment that matters most is short: the init machine has started, and nobody knows.
	if b := s.nodes["b"]; s.restore.Status.Stage == stageStart && b.running && rapid.Bool().Draw(s.rt, "unheard") {
		b.cut = true
	}
	switch rapid.IntRange(0, 60).Draw(s.rt, "fault") {
	case 0:
		n.down, n.running = true, false
	case 1, 2, 3:
		s.power(n)
	case 4:
		n.cut = true
	case 5, 6, 7:
		n.cut = false
	case 8:
		kind := rapid.SampledFrom([]step.Kind{
			step.Preflight, step.SaveSnapshot, step.FetchSnapshot, step.Fence, step.StopDistro, step.MoveAside, step.PointServer,
			step.RestoreEtcd, step.StartDistro, step.WaitHealthy,
		}).Draw(s.rt, "kind")
		n.do[kind] = func() (any, error) { return nil, errModel }
	case 9:
		n.do = map[step.Kind]func() (any, error){}
	case 10:
		if rapid.IntRange(0, 5).Draw(s.rt, "cancel") == 0 {
			s.restore.Spec.Cancel = true
		}
	case 11:
		s.now = s.now.Add(time.Duration(rapid.IntRange(1, 30).Draw(s.rt, "minutes")) * time.Minute)
	}
}

// power brings a machine back. What is not fenced starts by itself, with the data that it has or by joining.
func (s *joinSimulation) power(n *node) {
	if !n.down {
		return
	}
	n.down, n.running = false, !n.fenced
	if n.running {
		s.joining.alone(s.world, n)
	}
}

// turn lets agents and managers work. A manager may die at any of its writes.
func (s *joinSimulation) turn() bool {
	worked := s.agents()
	s.crashAt = 0
	if rapid.IntRange(0, 3).Draw(s.rt, "dies") == 0 {
		s.crashAt = s.writes + 1 + rapid.IntRange(0, 6).Draw(s.rt, "at")
	}
	if r := s.restore; r.Spec.ApprovedPlan == "" && r.Status.Plan != nil && r.Status.Phase == v1alpha1.PhasePending {
		r.Spec.ApprovedPlan = r.Status.Plan.Digest
	}
	decided := decideRestore(s.world, s.restore)
	s.crashAt = 0
	return worked || decided
}

// goOn asks for what remains, a few times.
func (s *joinSimulation) goOn() bool {
	r := s.restore
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || s.retries == 0 || len(r.Status.RemainingSteps) == 0 {
		return false
	}
	s.retries--
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	return true
}

func (s *joinSimulation) heal() {
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		n.cut, n.do = false, map[step.Kind]func() (any, error){}
		s.power(n)
	}
}

// check is what holds at any moment.
func (s *joinSimulation) check() {
	data := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.running && n.data != "" {
			data[n.data] = name
		}
		if s.committed && n.Plan.Spec.Undo && s.restore.Status.Phase != v1alpha1.PhaseFailed {
			s.t.Fatalf("%s has to undo after the commit point", name)
		}
	}
	if len(data) > 1 {
		s.t.Fatalf("two clusters take writes: %v\n%v", data, s.sequence)
	}
	if st := s.restore.Status; !st.Phase.Ended() && st.Phase != "" && (st.Deadline == nil || st.Message == "") {
		s.t.Fatalf("it waits without deadline or message: %+v", st)
	}
}

// ended is what holds at the end.
func (s *joinSimulation) ended() {
	st := s.restore.Status
	every := func(is func(*node) bool) bool {
		for _, name := range []string{"a", "b", "c"} {
			if !is(s.nodes[name]) {
				return false
			}
		}
		return true
	}
	back := 0
	for _, name := range []string{"a", "b", "c"} {
		if n := s.nodes[name]; n.data == oldData && !n.fenced && n.joins == n.Status.Distribution.Joins {
			back++
		}
	}
	right := false
	switch st.Outcome {
	case v1alpha1.OutcomeRestored:
		right = st.Phase == v1alpha1.PhaseFinished && every(func(n *node) bool { return n.data == restoredData && n.running && n.epoch == 1 }) && s.nodes["cp1"].running
	case v1alpha1.OutcomeKeptNew:
		right = st.Phase == v1alpha1.PhaseFailed && s.nodes["b"].data == restoredData && (len(st.RemainingSteps) > 0 || s.restore.Spec.Cancel)
	case v1alpha1.OutcomeRolledBack:
		right = !s.committed && st.Phase != v1alpha1.PhaseFinished && back >= 2
	case v1alpha1.OutcomeNothingDone:
		right = !s.committed && back == 3
	case v1alpha1.OutcomeHeld:
		right = !s.committed
	}
	if right && st.Phase.Ended() && s.holder == nil && (st.Outcome == v1alpha1.OutcomeKeptNew || s.committed == (st.Outcome == v1alpha1.OutcomeRestored)) {
		return
	}
	text := fmt.Sprintf("it ended as it must not: %s/%s, %s: %s; lock %v\n%v", st.Phase, st.Stage, st.Outcome, st.Message, s.holder, s.sequence)
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		text += fmt.Sprintf("\n%s %+v plan %+v", name, n.disk, n.Plan.Spec.Operation)
	}
	s.t.Fatalf("%s", text)
}
