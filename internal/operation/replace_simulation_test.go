package operation

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// replacing drives the replacement of machine c's member through faults: whatever happens, no quorum is lost by it, no
// machine starts data of before a restore, and it ends with c as a member or as it was.
type replacing struct {
	*world
	rt      *rapid.T
	stale   bool
	restore *v1alpha1.EtcdSnapshotRestore
}

func TestWhateverHappensAReplacementCostsNoQuorum(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		stale := rapid.Bool().Draw(rt, "stale")
		s := &replacing{rt: rt, stale: stale, restore: from(replaceC)}
		if rapid.Bool().Draw(rt, "joins by itself") {
			s.world = liveJoinWorld(rt, stale, "")
		} else {
			s.world = liveWorld(rt, stale)
		}
		s.restore.Name, s.restore.UID = "one", uid
		calm := rapid.IntRange(0, 90).Draw(rt, "calm")
		for i := range 120 {
			if i >= calm {
				s.fault()
			}
			s.turn()
			s.check()
		}
		s.heal()
		for range 3000 {
			if s.restore.Status.Phase.Ended() && s.holder == nil && !s.retry() {
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
	for _, o := range []string{v1alpha1.OutcomeRestored, v1alpha1.OutcomeRolledBack} {
		if outcomes[o] == 0 {
			t.Errorf("no case came to %s: %v", o, outcomes)
		}
	}
	t.Logf("outcomes: %v", outcomes)
}

// fault lets something go wrong, or get better.
func (s *replacing) fault() {
	n := s.nodes[rapid.SampledFrom([]string{"a", "b", "c", "c"}).Draw(s.rt, "machine")]
	switch rapid.IntRange(0, 40).Draw(s.rt, "fault") {
	case 0:
		n.down, n.running = true, false
	case 1, 2, 3:
		s.power(n)
	case 4:
		n.cut = true
	case 5, 6:
		n.cut = false
	case 7:
		kind := rapid.SampledFrom([]step.Kind{
			step.Preflight, step.Fence, step.StopDistro, step.MoveAside, step.AdmitMember, step.PointServer, step.JoinEtcd, step.StartDistro, step.WaitHealthy, step.PromoteMember,
		}).Draw(s.rt, "kind")
		n.do[kind] = func() (any, error) { return nil, errModel }
	case 8:
		n.do = map[step.Kind]func() (any, error){}
	case 9:
		if rapid.IntRange(0, 5).Draw(s.rt, "cancel") == 0 {
			s.restore.Spec.Cancel = true
		}
	case 10:
		s.now = s.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(s.rt, "minutes")) * time.Minute)
	}
}

// power brings a machine back; what is not fenced starts by itself.
func (s *replacing) power(n *node) {
	if n.down {
		n.power()
		if n.running {
			s.members.mayStart(s.world, n)
		}
	}
}

func (s *replacing) turn() bool {
	worked := s.agents()
	s.members.reflect(s.world)
	s.crashAt = 0
	if rapid.IntRange(0, 3).Draw(s.rt, "dies") == 0 {
		s.crashAt = s.writes + 1 + rapid.IntRange(0, 4).Draw(s.rt, "at")
	}
	if r := s.restore; r.Spec.ApprovedPlan == "" && r.Status.Plan != nil && r.Status.Phase == v1alpha1.PhasePending {
		r.Spec.ApprovedPlan = r.Status.Plan.Digest
	}
	decided := decideRestore(s.world, s.restore)
	s.crashAt = 0
	return worked || decided
}

// retry asks for what remains, as the manager does for a machine that it rejoins by itself.
func (s *replacing) retry() bool {
	r := s.restore
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || r.Spec.Cancel || r.Spec.RetryFrom == r.Status.RemainingSteps[0] {
		return false
	}
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	return true
}

func (s *replacing) heal() {
	for _, n := range s.nodes {
		n.cut, n.do = false, map[step.Kind]func() (any, error){}
		s.power(n)
	}
}

// check is what holds at any moment. That no step costs the quorum is checked where steps change members.
func (s *replacing) check() {
	for name, n := range s.nodes {
		if n.running && s.members.forbidden != "" && n.data == s.members.forbidden {
			s.t.Fatalf("%s runs data of before a restore", name)
		}
		if n.running && n.data == "" && (s.joining == nil || n.joins == "") {
			s.t.Fatalf("%s runs without data", name)
		}
	}
	for _, name := range []string{"a", "b"} {
		if n := s.nodes[name]; n.fenced || n.data != live || n.aside != "" {
			s.t.Fatalf("%s goes on, and is touched: %+v", name, n.disk)
		}
	}
	if st := s.restore.Status; !st.Phase.Ended() && st.Phase != "" && (st.Deadline == nil || st.Message == "") {
		s.t.Fatalf("it waits without deadline or message: %+v", st)
	}
}

// ended is what holds at the end.
func (s *replacing) ended() {
	st, c := s.restore.Status, s.nodes["c"]
	was := c.data == "ancient" && c.fenced && !c.running
	if !s.stale {
		was = c.data == "lost" && !c.fenced
	}
	right := false
	switch st.Outcome {
	case v1alpha1.OutcomeRestored:
		right = c.data == live && c.running && !c.fenced && c.epoch == 1 && len(s.members.table) == 3
	case v1alpha1.OutcomeRolledBack, v1alpha1.OutcomeNothingDone:
		right = was && s.restore.Status.Committed == nil
	case v1alpha1.OutcomeHeld:
		right = s.restore.Status.Committed == nil // c was silent for too long, and takes it back when it can
	case v1alpha1.OutcomeKeptNew:
		right = c.aside != "" && (c.data == live || s.joining != nil) // cancelled too late: with what remains
	}
	if !right || !st.Phase.Ended() || s.holder != nil {
		s.t.Fatalf("it ended as it must not: %s/%s, %s: %s; lock %v; c %+v; members %v\n%v", st.Phase, st.Stage, st.Outcome, st.Message, s.holder, c.disk, s.members.table, s.sequence)
	}
}
