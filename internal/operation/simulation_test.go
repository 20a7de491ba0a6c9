package operation

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// simulation drives a restore, and saves beside it, through faults that rapid draws: machines that lose power or the
// network, steps that fail with and without their effect, managers that die at any write, somebody who cancels.
type simulation struct {
	*world
	rt      *rapid.T
	restore *v1alpha1.EtcdSnapshotRestore
	save    *v1alpha1.EtcdSnapshotSave
}

func TestWhateverHappensARestoreEndsAsItMay(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		s := newSimulation(rt)
		calm := rapid.IntRange(0, 110).Draw(rt, "calm")
		for i := range 150 {
			if i >= calm {
				s.fault()
			}
			s.turn()
			s.check()
		}
		s.heal()
		for range 4000 {
			if s.restore.Status.Phase.Ended() && s.save.Status.Phase.Ended() && s.holder == nil {
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

func newSimulation(rt *rapid.T) *simulation {
	s := &simulation{world: restoreWorld(rt), rt: rt, restore: from(snap), save: new(v1alpha1.EtcdSnapshotSave)}
	s.restore.Name, s.restore.UID = "restore", uid
	s.save.Name, s.save.UID = "save", "ffffffff-0000-0000-0000-000000000000"
	if rapid.IntRange(0, 3).Draw(rt, "hold") == 0 {
		s.restore.Spec.OnFailure = v1alpha1.FailureHold
	}
	return s
}

// fault lets something go wrong, or get better.
func (s *simulation) fault() {
	n := s.nodes[rapid.SampledFrom([]string{"a", "b", "c"}).Draw(s.rt, "machine")]
	switch rapid.IntRange(0, 60).Draw(s.rt, "fault") {
	case 0:
		n.down, n.running = true, false
	case 1, 2, 3:
		n.power()
	case 4:
		n.cut = true
	case 5, 6, 7:
		n.cut = false
	case 8:
		kind := rapid.SampledFrom([]step.Kind{
			step.Preflight, step.SaveSnapshot, step.ServeSnapshot, step.FetchSnapshot, step.Fence, step.StopDistro, step.MoveAside,
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

// power brings a machine back. What isn't fenced starts by itself.
func (n *node) power() {
	if n.down {
		n.down = false
		n.running = !n.fenced && n.data != ""
	}
}

// turn lets agents and managers work. A manager may die at any of its writes.
func (s *simulation) turn() bool {
	worked := s.agents()
	s.crashAt = 0
	if rapid.IntRange(0, 3).Draw(s.rt, "dies") == 0 {
		s.crashAt = s.writes + 1 + rapid.IntRange(0, 4).Draw(s.rt, "at")
	}
	if r := s.restore; r.Spec.ApprovedPlan == "" && r.Status.Plan != nil && r.Status.Phase == v1alpha1.PhasePending {
		r.Spec.ApprovedPlan = r.Status.Plan.Digest
	}
	decided := decideRestore(s.world, s.restore)
	s.crashAt = 0
	saved := s.decideSave()
	return worked || decided || saved
}

func (s *simulation) decideSave() bool {
	status, d := DecideSave(s.save, s.observe())
	if !equality.Semantic.DeepEqual(status, s.save.Status) {
		s.save.Status = clone(status)
		return true
	}
	if len(d.Plans) > 0 && (s.holder == nil || s.holder.UID != string(s.save.UID)) {
		s.t.Fatalf("a save writes plans while %+v has the cluster", s.holder)
	}
	s.apply(v1alpha1.PlanOperation{Kind: "EtcdSnapshotSave", Name: "save", UID: string(s.save.UID)}, d)
	return len(d.Plans) > 0 || d.Lock != LockKeep
}

func (s *simulation) heal() {
	for _, n := range s.nodes {
		n.cut, n.do = false, map[step.Kind]func() (any, error){}
		n.power()
		n.healthy(n.running && n.data == "old" || s.committed)
	}
}

// check is what holds at any moment.
func (s *simulation) check() {
	data := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.data != "old" && n.data != "" {
			data[n.data]++
		}
		if s.committed && n.Plan.Spec.Undo && s.restore.Status.Phase != v1alpha1.PhaseFailed {
			s.t.Fatalf("%s has to undo after the commit point", name)
		}
		if n.running && n.data == "" {
			s.t.Fatalf("%s runs without data", name)
		}
	}
	if len(data) > 1 {
		s.t.Fatalf("machines hold different new data: %v", data)
	}
	if s.majority(func(d string) bool { return d == "old" }) && s.majority(func(d string) bool { return d != "old" }) {
		s.t.Fatalf("two clusters take writes")
	}
	if st := s.restore.Status; !st.Phase.Ended() && st.Phase != "" && (st.Deadline == nil || st.Message == "") {
		s.t.Fatalf("it waits without deadline or message: %+v", st)
	}
}

func (s *simulation) majority(is func(string) bool) bool {
	n := 0
	for _, node := range s.nodes {
		if node.running && is(node.data) {
			n++
		}
	}
	return n > len(s.nodes)/2
}

// ended is what holds at the end.
func (s *simulation) ended() {
	st := s.restore.Status
	describe := func() string {
		text := fmt.Sprintf("%s/%s, %s: %s; lock %v; save %s\n%v", st.Phase, st.Stage, st.Outcome, st.Message, s.holder, s.save.Status.Phase, s.sequence)
		for _, n := range s.nodes {
			text += fmt.Sprintf("\n%s %+v plan %+v", n.Name, n.disk, n.Plan.Spec.Operation)
		}
		return text
	}
	if !st.Phase.Ended() || s.holder != nil || !s.save.Status.Phase.Ended() {
		s.t.Fatalf("it does not end: %s", describe())
	}
	var wrong bool
	switch st.Outcome {
	case v1alpha1.OutcomeRestored:
		wrong = st.Phase != v1alpha1.PhaseFinished || !s.committed || s.count(func(n *node) bool { return n.epoch == 1 && n.data != "old" }) != 3
	case v1alpha1.OutcomeKeptNew:
		wrong = st.Phase != v1alpha1.PhaseFailed || !s.committed || s.count(func(n *node) bool { return n.data != "old" && n.data != "" }) != 3
	case v1alpha1.OutcomeRolledBack:
		wrong = s.committed || st.Phase == v1alpha1.PhaseFinished || s.count(func(n *node) bool { return n.data == "old" && !n.fenced }) < 2
	case v1alpha1.OutcomeNothingDone:
		wrong = s.committed || s.count(func(n *node) bool { return n.data == "old" && !n.fenced && n.running }) != 3
	case v1alpha1.OutcomeHeld:
		wrong = s.committed
	default:
		wrong = true
	}
	if wrong {
		s.t.Fatalf("it ended as it must not: %s", describe())
	}
}

func (s *simulation) count(is func(*node) bool) (n int) {
	for _, node := range s.nodes {
		if is(node) {
			n++
		}
	}
	return n
}
