package operation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

var replaceC = v1alpha1.RestoreSource{Replace: "c"}

// replaces runs a restore in a world whose machines report how they are.
func replaces(w *world, r *v1alpha1.EtcdSnapshotRestore, limit time.Duration) {
	r.Name, r.UID = "one", uid
	w.settle(func() bool {
		w.members.reflect(w)
		return decideRestore(w, r)
	}, limit)
}

func approveReplacement(t *testing.T, w *world, r *v1alpha1.EtcdSnapshotRestore) {
	t.Helper()
	replaces(w, r, time.Minute)
	if r.Status.Plan == nil || !strings.Contains(r.Status.Message, r.Status.Plan.Digest) {
		t.Fatalf("%s: %s", r.Status.Stage, r.Status.Message)
	}
	r.Spec.ApprovedPlan = r.Status.Plan.Digest
}

func TestALostMemberIsReplacedWhileTheOthersGoOn(t *testing.T) {
	for name, stale := range map[string]bool{"of before a restore": true, "lost its data": false} {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t, stale)
			r := from(replaceC)
			approveReplacement(t, w, r)
			text := strings.Join(r.Status.Plan.Text, "\n")
			for _, want := range []string{"Verdict: ReplaceMember", "Nothing is lost, and the others go on serving", "c: Rejoin:", "a: Keep: it goes on serving", "a takes it into etcd cluster c1ce"} {
				if !strings.Contains(text, want) {
					t.Errorf("the plan does not say %q:\n%s", want, text)
				}
			}
			if got := strings.Contains(text, "Member c member-c is removed first"); got == stale {
				t.Errorf("what is removed: %s", text)
			}
			replaces(w, r, time.Hour)
			if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(r.Status.Message, "c is a member again") {
				t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			c := w.nodes["c"]
			if c.data != live || !c.running || c.fenced || c.epoch != 1 || c.aside == "" {
				t.Errorf("c is %+v", c.disk)
			}
			if len(w.members.table) != 3 || w.members.table["b"].learner {
				t.Errorf("members %v", w.members.table)
			}
			for _, done := range w.sequence {
				if strings.HasPrefix(done, "b ") || strings.HasPrefix(done, "a ") && !strings.Contains("a Preflight a AdmitMember a PromoteMember", done) {
					t.Errorf("a machine that goes on does %s", done)
				}
			}
		})
	}
}

func TestOnlyTheMachineThatJoinsLooksForRoomForTheOthersData(t *testing.T) {
	w := liveWorld(t, false)
	r := from(replaceC)
	approveReplacement(t, w, r)
	got := map[string]string{}
	for _, c := range r.Status.Preflight {
		if c.Check == "DiskSpace" {
			got[c.Machine] = c.Message
		}
	}
	want := map[string]string{"a": "0 bytes come from the others", "c": "3221225472 bytes come from the others"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAReplacementIsRefusedWhereItWouldBeWrong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		source string
		want   string
	}{
		"no such machine":      {func(*world) {}, "x", "the cluster has no such machine with etcd"},
		"it is healthy":        {func(*world) {}, "a", "its member is healthy"},
		"no quorum without it": {func(w *world) { w.nodes["b"].down, w.nodes["b"].running = true, false }, "c", "the others are no healthy majority"},
		"it does not answer":   {func(w *world) { w.nodes["c"].down = true }, "c", "AgentAnswers on c: it has not been heard of"},
	} {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t, true)
			test.change(w)
			r := from(v1alpha1.RestoreSource{Replace: test.source})
			replaces(w, r, time.Minute)
			if !strings.Contains(r.Status.Message, test.want) {
				t.Errorf("it says %q", r.Status.Message)
			}
		})
	}
}

// TestANewMachineTakesThePlaceOfOneThatIsOff: the old machine's member goes, though the new one has another name.
func TestANewMachineTakesThePlaceOfOneThatIsOff(t *testing.T) {
	w := liveWorld(t, false, "d")
	c, d := w.nodes["c"], w.nodes["d"]
	delete(w.members.table, "c")
	c.data, c.running = "", false
	w.members.table["d"] = peer{"d", false}
	w.members.reflect(w)
	d.down, d.running = true, false
	r := from(replaceC)
	r.Spec.ExcludeMachines, r.Spec.ConfirmPoweredOff = []string{"d"}, []string{"d"}
	approveReplacement(t, w, r)
	if diff := cmp.Diff([]string{"d"}, r.Status.Plan.RemoveMembers); diff != "" {
		t.Error(diff)
	}
	replaces(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || len(w.members.table) != 3 || c.data != live || d.Plan.Spec.Operation != nil {
		t.Errorf("%s: %s; c is %+v, members %v", r.Status.Outcome, r.Status.Message, c.disk, w.members.table)
	}
}

func TestAMemberThatNeverCatchesUpIsTriedAgainAndNotTakenBack(t *testing.T) {
	w := liveWorld(t, true)
	w.nodes["a"].do[step.PromoteMember] = func() (any, error) { return nil, errModel }
	r := from(replaceC)
	approveReplacement(t, w, r)
	replaces(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || len(r.Status.RemainingSteps) == 0 || !strings.HasPrefix(r.Status.RemainingSteps[0], "promote-") {
		t.Fatalf("%s: %s; %v", r.Status.Outcome, r.Status.Message, r.Status.RemainingSteps)
	}
	delete(w.nodes["a"].do, step.PromoteMember)
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	replaces(w, r, time.Hour)
	if c := w.nodes["c"]; r.Status.Outcome != v1alpha1.OutcomeRestored || c.epoch != 1 || c.Plan.Spec.Operation != nil {
		t.Errorf("%s: %s; c is %+v", r.Status.Outcome, r.Status.Message, c.disk)
	}
}

func TestAReplacementThatFailsLeavesOldDataFenced(t *testing.T) {
	for _, kind := range []step.Kind{step.MoveAside, step.AdmitMember, step.JoinEtcd, step.StartDistro, step.WaitHealthy} {
		t.Run(string(kind), func(t *testing.T) {
			w := liveWorld(t, true)
			fail := func() (any, error) { return nil, errModel }
			w.nodes["a"].do[kind], w.nodes["c"].do[kind] = fail, fail
			r := from(replaceC)
			approveReplacement(t, w, r)
			replaces(w, r, 2*time.Hour)
			c := w.nodes["c"]
			if r.Status.Outcome != v1alpha1.OutcomeRolledBack || c.data != "ancient" || !c.fenced || c.running || len(w.members.table) != 2 {
				t.Errorf("%s: %s; c is %+v, members %v", r.Status.Outcome, r.Status.Message, c.disk, w.members.table)
			}
		})
	}
}

func TestMachinesOfAnotherEtcdClusterAreNoMajority(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*world)
		verdict v1alpha1.Verdict
		says    string
	}{
		"two formed another cluster before the last restore": {func(w *world) {
			for _, name := range []string{"b", "c"} {
				w.nodes[name].Status.Etcd.ClusterID, w.nodes[name].Status.RestoreEpoch = "other", 0
			}
			a := w.nodes["a"].Status.Etcd
			w.nodes["a"].Status.RestoreEpoch, a.Members = 1, a.Members[:1]
		}, v1alpha1.VerdictReplace, "a majority is healthy (a): replacing what is not loses nothing, see source.replace; b: its member is part of another etcd cluster: other, not "},
		"two of three are another cluster": {func(w *world) {
			w.nodes["c"].Status.Etcd.ClusterID = "other"
		}, v1alpha1.VerdictReplace, "c: its member is part of another etcd cluster: other, not "},
		"one of three members is healthy": {func(w *world) {
			w.nodes["b"].Status.Etcd.ClusterID, w.nodes["c"].Status.Etcd.ClusterID = "other", "third"
			w.nodes["a"].Status.RestoreEpoch = 1
		}, v1alpha1.VerdictReset, "source.survivor a"},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			for _, n := range w.nodes {
				n.Status.Etcd = clone(n.Status.Etcd)
			}
			test.change(w)
			r := from(snap)
			restores(w, r, time.Minute)
			if p := r.Status.Plan; p.Verdict != test.verdict || !strings.Contains(p.Reason, test.says) {
				t.Errorf("%s: %s", p.Verdict, p.Reason)
			}
		})
	}
}

func TestARestoreIsNewerThanAnyMachineReports(t *testing.T) {
	w := restoreWorld(t)
	w.cluster.Status.RestoreEpoch = 3
	w.nodes["b"].Status.RestoreEpoch = 7
	r := from(snap)
	restores(w, r, time.Minute)
	if r.Status.Plan.RestoreEpoch != 8 {
		t.Errorf("epoch %d", r.Status.Plan.RestoreEpoch)
	}
}

// TestAHealthyClusterCanBeRestoredByWhoReadsWhatIsLost: what it holds may be wrong.
func TestAHealthyClusterCanBeRestoredByWhoReadsWhatIsLost(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	if text := strings.Join(r.Status.Plan.Warnings, "\n"); !strings.Contains(text, "etcd works (a, b, c): this restore throws away everything that was written after the snapshot") {
		t.Errorf("warnings: %s", text)
	}
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
	}
}
