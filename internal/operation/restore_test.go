package operation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// restores runs a restore in a world for some time, and checks what must hold after each decision.
func restores(w *world, r *v1alpha1.EtcdSnapshotRestore, limit time.Duration) {
	r.Name, r.UID = "one", uid
	w.settle(func() bool { return decideRestore(w, r) }, limit)
}

func decideRestore(w *world, r *v1alpha1.EtcdSnapshotRestore) bool {
	status, d := DecideRestore(r, w.observe())
	if !equality.Semantic.DeepEqual(status, r.Status) {
		if len(d.Plans) > 0 || d.Lock != LockKeep || d.Epoch != 0 {
			w.t.Fatalf("a decision changes both status and plans")
		}
		if w.stored() {
			r.Status = clone(status)
			w.committed = w.committed || r.Status.Committed != nil
			w.events = append(w.events, d.Events...)
		}
		return true
	}
	if !r.Status.Phase.Ended() && (r.Status.Deadline == nil || r.Status.Message == "") {
		w.t.Fatalf("stage %s has no deadline or no message: %+v", r.Status.Stage, r.Status)
	}
	w.apply(v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: r.Name, UID: string(r.UID)}, d)
	return len(d.Plans) > 0 || d.Lock != LockKeep
}

func from(source v1alpha1.RestoreSource) *v1alpha1.EtcdSnapshotRestore {
	return &v1alpha1.EtcdSnapshotRestore{Spec: v1alpha1.EtcdSnapshotRestoreSpec{Source: source}}
}

// restoreWorld has a snapshot of 02:00 on machine b and in S3.
func restoreWorld(t interface{ Fatalf(string, ...any) }) *world {
	w := newWorld(t, "a", "b", "c")
	s := stored("snap", "b", "s3")
	s.Spec.Created, s.Spec.Revision = metav1.NewTime(w.now.Add(-47*time.Minute)), 4000
	w.catalog = []v1alpha1.EtcdSnapshot{s}
	return w
}

// approve runs a restore until it has a plan, and approves that.
func approve(t *testing.T, w *world, r *v1alpha1.EtcdSnapshotRestore) {
	t.Helper()
	restores(w, r, time.Minute)
	if r.Status.Plan == nil || !strings.Contains(r.Status.Message, r.Status.Plan.Digest) {
		t.Fatalf("%s/%s: %s\n%v", r.Status.Phase, r.Status.Stage, r.Status.Message, r.Status.Preflight)
	}
	r.Spec.ApprovedPlan = r.Status.Plan.Digest
}

var snap = v1alpha1.RestoreSource{Snapshot: "snap"}

func TestARestoreIsPlannedBeforeAnythingIsTouched(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhasePending || w.holder != nil {
		t.Fatalf("%s: %s, lock %v", r.Status.Phase, r.Status.Message, w.holder)
	}
	p := r.Status.Plan
	text := strings.Join(p.Text, "\n")
	for _, want := range []string{
		"Verdict: NoRestoreNeeded", "Returns to 2026-11-22 02:00:00 UTC: as of 2026-11-22 02:47:00 UTC that loses 47 minutes and 1000 changes",
		"Restores snap.db (checked), on b", "a: Restore:", "brings it back",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
	}
	if p.Machines[1].Member != "member-b" || !slices.Equal(p.Machines[1].PeerURLs, []string{"https://b:2380"}) {
		t.Errorf("machine %+v", p.Machines[1])
	}
	for _, kind := range w.sequence {
		if !strings.HasSuffix(kind, " Preflight") {
			t.Errorf("a plan does %s", kind)
		}
	}
	if len(w.sequence) != 3 {
		t.Errorf("%v: each machine checks once", w.sequence)
	}
	for _, n := range w.nodes {
		if n.Plan.Spec.Operation != nil {
			t.Errorf("%s still has a plan", n.Name)
		}
	}
}

func TestAnApprovedRestoreGoesThroughItsPhases(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	data := w.nodes["a"].data
	if !strings.Contains(data, "member-a=https://a:2380,member-b=https://b:2380,member-c=https://c:2380 c-9dmxz-1-") {
		t.Errorf("data %q", data)
	}
	for _, n := range w.nodes {
		if n.data != data || !n.running || n.fenced || n.epoch != 1 || n.aside != "old" {
			t.Errorf("%s: %+v", n.Name, n.disk)
		}
	}
	if w.cluster.Status.RestoreEpoch != 1 || r.Status.SafetySnapshot == "" || w.holder != nil {
		t.Errorf("epoch %d, safety %q, lock %v", w.cluster.Status.RestoreEpoch, r.Status.SafetySnapshot, w.holder)
	}
	var phases []string
	for _, e := range w.events {
		phases = append(phases, e.Reason)
	}
	want := []string{"Pending", "Started", "Shutdown", "Restore", "RestartCluster", "Committed", "Finished"}
	if diff := cmp.Diff(want, phases); diff != "" {
		t.Error(diff)
	}
	order := map[string][2]int{}
	for i, s := range w.sequence {
		_, kind, _ := strings.Cut(s, " ")
		o, seen := order[kind]
		if !seen {
			o[0] = i
		}
		order[kind] = [2]int{o[0], i}
	}
	for _, pair := range [][2]string{{"FetchSnapshot", "Fence"}, {"Fence", "StopDistro"}, {"StopDistro", "MoveAside"}, {"MoveAside", "RestoreEtcd"}, {"RestoreEtcd", "StartDistro"}} {
		if order[pair[0]][1] > order[pair[1]][0] {
			t.Errorf("%s began before %s had ended everywhere", pair[1], pair[0])
		}
	}
}

// TestARestoreDecidesTheSameAfterAnyCrash: the manager dies at each write in turn.
func TestARestoreDecidesTheSameAfterAnyCrash(t *testing.T) {
	for at := 1; ; at++ {
		w := restoreWorld(t)
		r := from(snap)
		approve(t, w, r)
		w.writes, w.crashAt = 0, at
		restores(w, r, time.Minute)
		reached := w.writes >= at
		w.crashAt = 0
		restores(w, r, time.Hour)
		if r.Status.Outcome != v1alpha1.OutcomeRestored {
			t.Fatalf("died at write %d: %s: %s", at, r.Status.Phase, r.Status.Message)
		}
		if !reached {
			break
		}
	}
}

func TestAFailureBeforeTheCommitPointBringsTheOldStateBack(t *testing.T) {
	for _, kind := range []step.Kind{
		step.ServeSnapshot, step.FetchSnapshot, step.Fence, step.StopDistro, step.MoveAside, step.RestoreEtcd, step.StartDistro, step.WaitHealthy,
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := restoreWorld(t)
			r := from(snap)
			approve(t, w, r)
			for _, n := range w.nodes {
				if n.Name != "c" || kind != step.WaitHealthy {
					n.do[kind] = func() (any, error) { return nil, errModel }
				}
			}
			restores(w, r, 3*time.Hour)
			want := v1alpha1.OutcomeRolledBack
			if kind == step.ServeSnapshot || kind == step.FetchSnapshot {
				want = v1alpha1.OutcomeNothingDone
			}
			if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != want || !strings.Contains(r.Status.Message, "the model says no") {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			for _, n := range w.nodes {
				if n.data != "old" || !n.running || n.fenced || n.epoch != 0 || n.Plan.Spec.Operation != nil {
					t.Errorf("%s: %+v", n.Name, n.disk)
				}
			}
			if w.holder != nil {
				t.Error("the lock is held")
			}
		})
	}
}

func TestACancelledRestoreEndsAsItsCommitPointSays(t *testing.T) {
	for _, test := range []struct {
		stage, outcome string
		phase          v1alpha1.Phase
	}{
		{stagePlan, v1alpha1.OutcomeNothingDone, v1alpha1.PhaseCancelled},
		{stageFetch, v1alpha1.OutcomeNothingDone, v1alpha1.PhaseCancelled},
		{stageStop, v1alpha1.OutcomeRolledBack, v1alpha1.PhaseCancelled},
		{stageRebuild, v1alpha1.OutcomeRolledBack, v1alpha1.PhaseCancelled},
		{stageStart, v1alpha1.OutcomeRolledBack, v1alpha1.PhaseCancelled},
		{stageCommit, v1alpha1.OutcomeKeptNew, v1alpha1.PhaseFailed},
	} {
		t.Run(test.stage, func(t *testing.T) {
			w := restoreWorld(t)
			r := from(snap)
			if test.stage != stagePlan {
				approve(t, w, r)
			}
			r.Name, r.UID = "one", uid
			w.settle(func() bool {
				changed := decideRestore(w, r)
				r.Spec.Cancel = r.Spec.Cancel || r.Status.Stage == test.stage
				return changed
			}, 2*time.Hour)
			if r.Status.Phase != test.phase || r.Status.Outcome != test.outcome {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
		})
	}
}

func TestAHeldRestoreIsTakenBackWhenItIsCancelled(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	r.Spec.OnFailure = v1alpha1.FailureHold
	approve(t, w, r)
	w.nodes["c"].do[step.RestoreEtcd] = func() (any, error) { return nil, errModel }
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != v1alpha1.OutcomeHeld || w.nodes["a"].running || w.holder != nil {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	r.Spec.Cancel = true
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhaseCancelled || r.Status.Outcome != v1alpha1.OutcomeRolledBack || !w.nodes["a"].running || w.nodes["a"].data != "old" {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

func TestAfterTheCommitPointWhatRemainsCanBeRetried(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	w.nodes["c"].do[step.WaitHealthy] = func() (any, error) { return nil, errModel }
	restores(w, r, 2*time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || !slices.Equal(r.Status.RemainingSteps, []string{"healthy-0a1b2c3d"}) {
		t.Fatalf("%s, remaining %v: %s", r.Status.Outcome, r.Status.RemainingSteps, r.Status.Message)
	}
	if w.nodes["c"].epoch != 1 || w.nodes["c"].Plan.Spec.Operation != nil {
		t.Errorf("c has the new data and is not committed: %+v", w.nodes["c"].disk)
	}
	w.nodes["c"].do = map[step.Kind]func() (any, error){}
	r.Spec.RetryFrom = "healthy-0a1b2c3d"
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored || w.holder != nil {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

func TestARestoreThatWasCancelledTooLateCanBeRetried(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	w.settle(func() bool {
		changed := decideRestore(w, r)
		r.Spec.Cancel = r.Spec.Cancel || r.Status.Stage == stageCommit
		return changed
	}, 2*time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || len(r.Status.RemainingSteps) == 0 {
		t.Fatalf("%s, remaining %v: %s", r.Status.Outcome, r.Status.RemainingSteps, r.Status.Message)
	}
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

func TestWhatIsNotAsPlannedIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world, *v1alpha1.EtcdSnapshotRestore)
		says   string
	}{
		"another digest": {
			func(_ *world, r *v1alpha1.EtcdSnapshotRestore) {
				r.Spec.ApprovedPlan = "sha256:" + strings.Repeat("0", 64)
			},
			"the plan that was approved is no longer the one",
		},
		"a machine went away":  {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.nodes["c"].down = true }, "AgentAnswers on c: it has not been heard of"},
		"the snapshot is gone": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.catalog = nil }, "no longer the one"},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			r := from(snap)
			approve(t, w, r)
			test.change(w, r)
			restores(w, r, 3*time.Hour)
			if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != v1alpha1.OutcomeNothingDone || !strings.Contains(r.Status.Message, test.says) {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			if slices.ContainsFunc(w.sequence, func(s string) bool { return strings.Contains(s, "Fence") }) {
				t.Error("something was touched")
			}
		})
	}
}

// TestAPlanStandsWhileItsFactsDo: time passes, revisions grow, and a snapshot stands another test.
func TestAPlanStandsWhileItsFactsDo(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	r.Spec.ApprovedPlan = ""
	before := r.Status.Plan.DeepCopy()
	w.now = w.now.Add(3 * time.Hour)
	w.nodes["a"].Status.Etcd.Revision += 100
	w.catalog[0].Status.State, w.catalog[0].Status.Copies[0].State = v1alpha1.StateProven, v1alpha1.StateProven
	restores(w, r, time.Minute)
	if diff := cmp.Diff(before, r.Status.Plan); diff != "" {
		t.Error(diff)
	}
	w.catalog[0].Status.Copies[0].SHA256 = "other"
	restores(w, r, time.Minute)
	if r.Status.Plan.Digest == before.Digest {
		t.Error("other bytes, and the same digest")
	}
}

// TestAnApprovalStandsWhileTheClusterGoesOnDying: it does not matter whether the plan was made anew before the approval came,
// or after it. A cluster that has become better is another matter: there is more to lose than was approved.
func TestAnApprovalStandsWhileTheClusterGoesOnDying(t *testing.T) {
	dies := func(w *world) {
		w.nodes["b"].healthy(false)
		w.nodes["c"].healthy(false)
	}
	recovers := func(w *world) {
		for _, n := range w.nodes {
			n.healthy(true)
		}
	}
	for name, test := range map[string]struct {
		before, after func(*world)
		late          bool
		want          string
	}{
		"dies after the approval":       {func(*world) {}, dies, false, v1alpha1.OutcomeRestored},
		"dies before the approval":      {func(*world) {}, dies, true, v1alpha1.OutcomeRestored},
		"recovers after the approval":   {dies, recovers, false, v1alpha1.OutcomeNothingDone},
		"recovers before the approval":  {dies, recovers, true, v1alpha1.OutcomeNothingDone},
		"goes down and comes back late": {func(*world) {}, func(w *world) { dies(w); recovers(w) }, true, v1alpha1.OutcomeRestored},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			test.before(w)
			r := from(snap)
			approve(t, w, r)
			digest := r.Spec.ApprovedPlan
			if test.late {
				r.Spec.ApprovedPlan = ""
			}
			test.after(w)
			restores(w, r, time.Minute)
			r.Spec.ApprovedPlan = digest
			restores(w, r, 3*time.Hour)
			if r.Status.Outcome != test.want {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
		})
	}
}

// TestAnApprovedRestoreWaitsForWhoeverHasTheCluster: what that one does meanwhile, as to fence machines, is no reason to refuse.
func TestAnApprovedRestoreWaitsForWhoeverHasTheCluster(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	approve(t, w, r)
	w.holder = &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "other", UID: "other"}
	for _, n := range w.nodes {
		n.healthy(false)
	}
	restores(w, r, 10*time.Minute)
	if r.Status.Phase != v1alpha1.PhasePending || !strings.Contains(r.Status.Message, "waits for EtcdSnapshotRestore other, which has the cluster") {
		t.Fatalf("%s: %s", r.Status.Phase, r.Status.Message)
	}
	w.holder = nil
	restores(w, r, 3*time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

// TestAMachineThatComesBackMakesThePlanPossible: what was checked is checked again as long as nobody has approved.
func TestAMachineThatComesBackMakesThePlanPossible(t *testing.T) {
	w := restoreWorld(t)
	w.nodes["c"].down = true
	r := from(snap)
	restores(w, r, time.Minute)
	if !strings.Contains(r.Status.Message, "AgentAnswers on c: it has not been heard of") {
		t.Fatal(r.Status.Message)
	}
	w.nodes["c"].down = false
	approve(t, w, r)
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
	}
}

// TestMachinesThatRefuseAPlanCheckAgain: by themselves, ever more rarely, and at once when they are asked. The restore stays
// the same one, and nothing is approved meanwhile.
func TestMachinesThatRefuseAPlanCheckAgain(t *testing.T) {
	for name, asked := range map[string]bool{"by themselves": false, "asked": true} {
		t.Run(name, func(t *testing.T) {
			w, full, checks := restoreWorld(t), true, 0
			w.nodes["b"].do[step.Preflight] = func() (any, error) {
				checks++
				c := v1alpha1.PreflightCheck{Check: "DiskSpace", Machine: "b", Outcome: checkPassed}
				if full {
					c.Outcome, c.Message = checkFailed, "3 GiB are missing"
				}
				return step.PreflightEvidence{Checks: []v1alpha1.PreflightCheck{c}}, nil
			}
			r := from(snap)
			restores(w, r, 4*time.Minute)
			refused := r.Status.Plan.Digest
			if checks != 1 || !strings.Contains(r.Status.Message, "DiskSpace on b: 3 GiB are missing; the machines check again by and by") {
				t.Fatalf("%d checks: %s", checks, r.Status.Message)
			}
			if full = asked; !asked { // else the first time is in vain
				restores(w, r, 2*time.Minute)
			} else {
				restores(w, r, 12*time.Hour)
				if checks < 4 || checks > 20 {
					t.Errorf("%d checks in half a day", checks)
				}
				full, refused = false, r.Status.Plan.Digest
				r.Spec.RetryFrom = refused
				restores(w, r, time.Minute)
			}
			if r.Status.Plan.Digest == refused || !strings.Contains(r.Status.Message, r.Status.Plan.Digest) {
				t.Fatalf("%s: %s", r.Status.Phase, r.Status.Message)
			}
			before := checks
			restores(w, r, 2*time.Hour)
			if checks != before {
				t.Error("a plan that can be approved is checked again")
			}
			approve(t, w, r)
			restores(w, r, 3*time.Hour)
			if r.Status.Outcome != v1alpha1.OutcomeRestored {
				t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
			}
		})
	}
}

// TestABrokenEtcdsWordsDoNotVoidAPlan: its errors name another port each time.
func TestABrokenEtcdsWordsDoNotVoidAPlan(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	r.Name, r.UID = "one", uid
	n := 0
	turn := func() bool {
		n++
		for _, name := range []string{"b", "c"} {
			w.nodes[name].healthy(false)
			w.nodes[name].Status.Conditions[0].Message = fmt.Sprintf("read tcp 127.0.0.1:%d->127.0.0.1:2379: connection refused", 40000+n/5)
		}
		return decideRestore(w, r)
	}
	w.settle(turn, 10*time.Minute)
	if r.Status.Plan == nil || !strings.Contains(r.Status.Message, r.Status.Plan.Digest) {
		t.Fatalf("%s: %s", r.Status.Phase, r.Status.Message)
	}
	r.Spec.ApprovedPlan = r.Status.Plan.Digest
	w.settle(turn, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

func TestPlansYieldToWhoeverHasTheCluster(t *testing.T) {
	w := restoreWorld(t)
	w.holder = &v1alpha1.PlanOperation{Kind: "EtcdSnapshotSave", Name: "nightly", UID: "x"}
	r := from(snap)
	restores(w, r, time.Hour)
	if len(w.sequence) > 0 || !strings.Contains(r.Status.Message, "waits with its checks for EtcdSnapshotSave nightly") {
		t.Errorf("%v: %s", w.sequence, r.Status.Message)
	}
	w.holder = nil
	restores(w, r, time.Hour)
	if len(w.sequence) != 3 {
		t.Errorf("%v: %s", w.sequence, r.Status.Message)
	}
}
