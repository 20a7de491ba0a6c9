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

// served runs an approved restore, and gives what the machines did in their order, from the first that is fenced.
func served(t *testing.T, w *world, r *v1alpha1.EtcdSnapshotRestore) []string {
	t.Helper()
	approve(t, w, r)
	restores(w, r, time.Hour)
	i := slices.IndexFunc(w.sequence, func(s string) bool { return strings.HasSuffix(s, "Fence") })
	if i < 0 {
		t.Fatalf("nothing was done: %s: %s", r.Status.Phase, r.Status.Message)
	}
	return w.sequence[i:]
}

func TestOneMachineIsRestoredAndTheOthersJoinIt(t *testing.T) {
	w := joinWorld(t)
	r := from(snap)
	got := served(t, w, r)
	if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	want := []string{
		"a Fence", "b Fence", "c Fence", "a StopDistro", "b StopDistro", "c StopDistro", "a MoveAside", "b MoveAside", "c MoveAside",
		"a PointServer", "b PointServer", "c PointServer", "b RestoreEtcd", "b StartDistro", "b WaitHealthy",
		"b ForgetNodes", "a StartDistro", "a WaitHealthy", "c StartDistro", "c WaitHealthy", "a Commit", "b Commit", "c Commit",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	joins := map[string]string{"a": urlOf("b"), "b": "", "c": urlOf("b")}
	for name, n := range w.nodes {
		if n.data != restoredData || !n.running || n.fenced || n.epoch != 1 || n.aside != oldData || n.joins != joins[name] {
			t.Errorf("%s: %+v", name, n.disk)
		}
	}
	if w.cluster.Status.RestoreEpoch != 1 || r.Status.SafetySnapshot == "" || w.holder != nil {
		t.Errorf("epoch %d, safety %q, lock %v", w.cluster.Status.RestoreEpoch, r.Status.SafetySnapshot, w.holder)
	}
	if i := slices.IndexFunc(w.sequence, func(s string) bool { return strings.HasSuffix(s, "FetchSnapshot") }); w.sequence[i] != "b FetchSnapshot" ||
		slices.Contains(w.sequence, "a FetchSnapshot") {
		t.Errorf("who fetched: %v", w.sequence)
	}
}

// TestServersThenControlPlanesThenWorkersComeBack: a worker that does not answer keeps nobody waiting.
func TestServersThenControlPlanesThenWorkersComeBack(t *testing.T) {
	w := joinWorld(t, "cp1", "cp2", "w1", "w2", "w3")
	w.nodes["w2"].down = true
	w.nodes["w3"].joins, w.nodes["w3"].Status.Distribution.Joins = outside, outside
	r := from(snap)
	got := served(t, w, r)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	var started []string
	for _, s := range got {
		if machine, ok := strings.CutSuffix(s, " StartDistro"); ok {
			started = append(started, machine)
		}
		if strings.HasPrefix(s, "w2 ") || s == "w1 Fence" {
			t.Errorf("%s", s)
		}
	}
	if diff := cmp.Diff([]string{"b", "a", "c", "cp1", "cp2", "w1", "w3"}, started); diff != "" {
		t.Error(diff)
	}
	for name, joins := range map[string]string{"cp1": urlOf("a"), "w1": urlOf("a"), "w3": outside} {
		if n := w.nodes[name]; n.joins != joins || n.epoch != 1 || !n.running || n.fenced {
			t.Errorf("%s: %+v", name, n.disk)
		}
	}
}

// TestAnInitMachineForEtcdAloneIsJudgedByTheFirstControlPlane: it has no API server, and what is past the commit point is not
// taken back.
func TestAnInitMachineForEtcdAloneIsJudgedByTheFirstControlPlane(t *testing.T) {
	w := joinWorld(t, "cp1", "cp2", "w1")
	w.apart()
	joins(w, urlOf("cp1"), "a", "cp2")
	r := from(snap)
	got := served(t, w, r)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	want := []string{
		"b RestoreEtcd", "b StartDistro", "b WaitHealthy", "cp1 StartDistro", "cp1 WaitHealthy", "cp1 ForgetNodes", "a StartDistro", "a WaitHealthy",
		"c StartDistro", "c WaitHealthy", "cp2 StartDistro", "cp2 WaitHealthy", "w1 StartDistro", "w1 WaitHealthy",
	}
	from := slices.Index(got, want[0])
	if diff := cmp.Diff(want, got[from:from+len(want)]); diff != "" {
		t.Error(diff)
	}
	for name, joins := range map[string]string{"a": urlOf("b"), "b": "", "c": urlOf("b"), "cp1": urlOf("b"), "cp2": urlOf("b"), "w1": urlOf("a")} {
		if n := w.nodes[name]; n.joins != joins || n.epoch != 1 || !n.running || n.fenced {
			t.Errorf("%s: %+v", name, n.disk)
		}
	}
}

func TestAControlPlaneThatDoesNotServeTheRestoredDataTurnsTheRestoreBack(t *testing.T) {
	w := joinWorld(t, "cp1", "w1")
	w.apart()
	r := from(snap)
	approve(t, w, r)
	w.nodes["cp1"].do[step.WaitHealthy] = func() (any, error) { return nil, errModel }
	restores(w, r, 3*time.Hour)
	if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != v1alpha1.OutcomeRolledBack {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	for name, n := range w.nodes {
		if n.has(v1alpha1.RoleEtcd) != (n.data == oldData) || n.fenced || n.epoch != 0 || n.Plan.Spec.Operation != nil || n.joins != n.Status.Distribution.Joins {
			t.Errorf("%s: %+v", name, n.disk)
		}
	}
}

func TestAFailureBeforeTheInitMachineServesBringsTheOldClusterBack(t *testing.T) {
	for _, kind := range []step.Kind{
		step.FetchSnapshot, step.Fence, step.StopDistro, step.MoveAside, step.PointServer, step.RestoreEtcd, step.StartDistro, step.WaitHealthy,
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := joinWorld(t, "cp1", "w1")
			r := from(snap)
			approve(t, w, r)
			w.nodes["b"].do[kind] = func() (any, error) { return nil, errModel }
			restores(w, r, 3*time.Hour)
			want := v1alpha1.OutcomeRolledBack
			if kind == step.FetchSnapshot {
				want = v1alpha1.OutcomeNothingDone
			}
			if r.Status.Phase != v1alpha1.PhaseFailed || r.Status.Outcome != want || !strings.Contains(r.Status.Message, "the model says no") {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			for name, n := range w.nodes {
				if n.has(v1alpha1.RoleEtcd) != (n.data == oldData) || n.running != (name != "w1" || n.ran) && name != "w1" || n.fenced || n.epoch != 0 ||
					n.Plan.Spec.Operation != nil || n.joins != n.Status.Distribution.Joins {
					t.Errorf("%s: %+v", name, n.disk)
				}
			}
		})
	}
}

// TestTheInitMachineIsTakenBackBeforeTheOthersStart: one that can't be heard may serve the restored data, and the old
// cluster beside it would be a second one.
func TestTheInitMachineIsTakenBackBeforeTheOthersStart(t *testing.T) {
	for name, gone := range map[string]bool{"it answers again": false, "its Machine is deleted": true} {
		t.Run(name, func(t *testing.T) {
			w := joinWorld(t, "w1")
			r := from(snap)
			approve(t, w, r)
			b := w.nodes["b"]
			w.settle(func() bool {
				b.cut = b.cut || r.Status.Stage == stageStart && b.running && r.Spec.Cancel == false
				return decideRestore(w, r)
			}, 3*time.Hour)
			if r.Status.Outcome != v1alpha1.OutcomeHeld || !strings.Contains(r.Status.Message, "b may serve the restored data") {
				t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			if w.nodes["a"].running || w.nodes["c"].running || !w.nodes["a"].fenced {
				t.Errorf("a %+v, c %+v", w.nodes["a"].disk, w.nodes["c"].disk)
			}
			if b.cut = false; gone {
				delete(w.nodes, "b")
			}
			r.Spec.Cancel = true
			restores(w, r, time.Hour)
			if r.Status.Phase != v1alpha1.PhaseCancelled || r.Status.Outcome != v1alpha1.OutcomeRolledBack {
				t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
			}
			for name, n := range w.nodes {
				if n.has(v1alpha1.RoleEtcd) && (n.data != oldData || !n.running || n.fenced) {
					t.Errorf("%s: %+v", name, n.disk)
				}
			}
		})
	}
}

// TestWhatRemainsAfterTheCommitPointIsRetriedMachineByMachine: a member that does not come back keeps none after it from
// doing so, and the next attempt is about that member alone.
func TestWhatRemainsAfterTheCommitPointIsRetriedMachineByMachine(t *testing.T) {
	w := joinWorld(t, "w1")
	r := from(snap)
	approve(t, w, r)
	w.nodes["a"].do[step.StartDistro] = func() (any, error) { return nil, errModel }
	w.nodes["w1"].do[step.WaitHealthy] = func() (any, error) { return nil, errModel }
	restores(w, r, 3*time.Hour)
	if want := []string{"start-0a1b2c3d", "healthy-0a1b2c3d"}; r.Status.Outcome != v1alpha1.OutcomeKeptNew || !slices.Equal(r.Status.RemainingSteps, want) {
		t.Fatalf("%s, remaining %v: %s", r.Status.Outcome, r.Status.RemainingSteps, r.Status.Message)
	}
	if c := w.nodes["c"]; !c.running || c.data != restoredData || c.epoch != 1 {
		t.Errorf("c: %+v", c.disk)
	}
	w.nodes["a"].do, w.nodes["w1"].do = map[step.Kind]func() (any, error){}, map[step.Kind]func() (any, error){}
	r.Spec.RetryFrom = "start-0a1b2c3d"
	before := len(w.sequence)
	restores(w, r, time.Hour)
	if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored || w.holder != nil {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	want := []string{"a StartDistro", "a WaitHealthy", "w1 StartDistro", "w1 WaitHealthy"}
	if diff := cmp.Diff(want, w.sequence[before:]); diff != "" {
		t.Error(diff)
	}
}

func TestAWorkerThatFailsKeepsNoClusterFromBeingRestored(t *testing.T) {
	for _, kind := range []step.Kind{step.Preflight, step.StopDistro} {
		t.Run(string(kind), func(t *testing.T) {
			w := joinWorld(t, "w1")
			r := from(snap)
			w.nodes["w1"].do[kind] = func() (any, error) { return nil, errModel }
			served(t, w, r)
			if r.Status.Outcome != v1alpha1.OutcomeRestored && kind == step.Preflight || w.nodes["c"].data != restoredData || !w.nodes["w1"].running || w.nodes["w1"].epoch != 1 {
				t.Errorf("%s, %s: %s; w1 %+v", r.Status.Phase, r.Status.Outcome, r.Status.Message, w.nodes["w1"].disk)
			}
		})
	}
}

// TestAnObjectInS3StaysTheOneThatWasApproved: a machine that holds the same snapshot is not made the init machine for that
// while the restore waits for the cluster.
func TestAnObjectInS3StaysTheOneThatWasApproved(t *testing.T) {
	w := joinWorld(t)
	w.cluster.Spec.Etcd.S3 = &v1alpha1.S3{Bucket: "b"}
	r := from(v1alpha1.RestoreSource{S3URI: w.catalog[0].Status.Copies[1].Location})
	served(t, w, r)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || r.Status.Plan.InitMachine != "a" || w.nodes["a"].joins != "" {
		t.Errorf("%s, %s: %s, init %s", r.Status.Phase, r.Status.Outcome, r.Status.Message, r.Status.Plan.InitMachine)
	}
}

func TestAWorkerThatSaysNothingDelaysNoPlan(t *testing.T) {
	w := joinWorld(t, "w1")
	w.nodes["w1"].do[step.Preflight] = func() (any, error) { return nil, errWaits }
	r := from(snap)
	restores(w, r, 10*time.Minute)
	if r.Status.Plan == nil || !strings.Contains(r.Status.Message, r.Status.Plan.Digest) {
		t.Fatal(r.Status.Message)
	}
	if w.nodes["w1"].Plan.Spec.Operation != nil {
		t.Error("what comes next for it waits behind the check")
	}
}
