package operation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// saves runs a save in a world for some time.
func saves(w *world, save *v1alpha1.EtcdSnapshotSave, limit time.Duration) {
	save.Name, save.UID = "one", uid
	w.settle(func() bool {
		status, d := DecideSave(save, w.observe())
		if changed := cmp.Diff(status, save.Status) != ""; changed {
			if len(d.Plans) > 0 || d.Lock != LockKeep {
				w.t.Fatalf("a decision changes both status and plans")
			}
			w.events = append(w.events, d.Events...)
			if w.stored() {
				save.Status = clone(status)
			}
			return true
		}
		w.apply(v1alpha1.PlanOperation{Kind: "EtcdSnapshotSave", Name: save.Name, UID: uid}, d)
		return len(d.Plans) > 0 || d.Lock != LockKeep
	}, limit)
}

func TestASaveTakesASnapshotOnEachMachineTheLeaderLast(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	save := new(v1alpha1.EtcdSnapshotSave)
	saves(w, save, time.Hour)
	if save.Status.Phase != v1alpha1.PhaseFinished || !strings.Contains(save.Status.Message, "taken on b, c, a") {
		t.Errorf("%s: %s", save.Status.Phase, save.Status.Message)
	}
	if want := []string{"b SaveSnapshot", "c SaveSnapshot", "a SaveSnapshot"}; !slices.Equal(w.sequence, want) {
		t.Error(cmp.Diff(want, w.sequence))
	}
	if len(save.Status.Snapshots) != 3 || save.Status.Backup != "on-demand-1795315620" {
		t.Errorf("snapshots %v of backup %s", save.Status.Snapshots, save.Status.Backup)
	}
	levels := map[string]string{}
	for key, settings := range w.handed {
		_, level, _ := strings.Cut(settings, `"verify":"`)
		levels[key[:1]], _, _ = strings.Cut(level, `"`)
	}
	if diff := cmp.Diff(map[string]string{"a": "content", "b": "restore", "c": "content"}, levels); diff != "" {
		t.Error("one trial restore, not on the leader:", diff)
	}
	for _, n := range w.nodes {
		if n.Plan.Spec.Operation != nil || n.Plan.Status.Serial != n.Plan.Spec.Serial {
			t.Errorf("%s is not on its normal plan: %+v", n.Name, n.Plan.Spec)
		}
	}
	if w.holder != nil {
		t.Errorf("the lock is still held: %+v", w.holder)
	}
}

func TestASaveEndsAsItsMachinesDo(t *testing.T) {
	full := func() (any, error) { return nil, errors.New("no space left on device") }
	for name, test := range map[string]struct {
		prepare func(*world, *v1alpha1.EtcdSnapshotSave)
		phase   v1alpha1.Phase
		says    []string
		saved   int
	}{
		"one machine fails": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) { w.nodes["b"].do[step.SaveSnapshot] = full },
			v1alpha1.PhaseFailed, []string{"b: no space left on device", "good copies are on c, a"}, 2,
		},
		"the leader fails": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) { w.nodes["a"].do[step.SaveSnapshot] = full },
			v1alpha1.PhaseFailed, []string{"a: no space left on device", "good copies are on b, c"}, 2,
		},
		"one machine is down": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) { w.nodes["b"].down = true },
			v1alpha1.PhaseFinished, []string{"taken on c, a", "skipped: b: it has not been heard of since"}, 2,
		},
		"no machine is healthy": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) {
				for _, n := range w.nodes {
					n.healthy(false)
				}
			},
			v1alpha1.PhaseFailed, []string{"no machine could take a snapshot", "b: no leader"}, 0,
		},
		"one that was asked for is down": {
			func(w *world, s *v1alpha1.EtcdSnapshotSave) {
				s.Spec.Machines, w.nodes["b"].down = []string{"b", "c"}, true
			},
			v1alpha1.PhaseFailed, []string{"b, which was asked for: it has not been heard of", "good copies are on c"}, 1,
		},
		"one that was asked for is unknown": {
			func(w *world, s *v1alpha1.EtcdSnapshotSave) { s.Spec.Machines = []string{"x"} },
			v1alpha1.PhaseFailed, []string{"x: the cluster has no such machine"}, 0,
		},
		"cancelled before": {
			func(_ *world, s *v1alpha1.EtcdSnapshotSave) { s.Spec.Cancel = true },
			v1alpha1.PhaseCancelled, []string{"cancelled before it began"}, 0,
		},
		"the cluster is never free": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) {
				w.holder = &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "other", UID: "x"}
			},
			v1alpha1.PhaseFailed, []string{"waits for EtcdSnapshotRestore other", "given up"}, 0,
		},
		"a machine belongs to a restore": {
			func(w *world, _ *v1alpha1.EtcdSnapshotSave) {
				w.nodes["b"].Plan.Spec = v1alpha1.MachinePlanSpec{
					Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "held", UID: "x"},
					Steps:     []v1alpha1.PlanStep{{ID: "fence-x", Kind: string(step.Fence)}},
				}
			},
			v1alpha1.PhaseFinished, []string{"skipped: b: restore held is unfinished on it"}, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a", "b", "c")
			save := new(v1alpha1.EtcdSnapshotSave)
			test.prepare(w, save)
			saves(w, save, 3*time.Hour)
			if save.Status.Phase != test.phase {
				t.Errorf("it is %s: %s", save.Status.Phase, save.Status.Message)
			}
			for _, want := range test.says {
				if !strings.Contains(save.Status.Message, want) {
					t.Errorf("%q does not say %q", save.Status.Message, want)
				}
			}
			if len(save.Status.Snapshots) != test.saved {
				t.Errorf("snapshots %v", save.Status.Snapshots)
			}
			if w.holder != nil && w.holder.UID == uid {
				t.Error("the lock is still held")
			}
		})
	}
}

// TestAMachineThatFallsSilentDuringASaveIsWaitedForAWhile: five minutes, not the hour that a large database may take.
func TestAMachineThatFallsSilentDuringASaveIsWaitedForAWhile(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.nodes["b"].do[step.SaveSnapshot] = func() (any, error) { w.nodes["b"].cut = true; return nil, nil }
	save := new(v1alpha1.EtcdSnapshotSave)
	saves(w, save, 4*time.Minute)
	if save.Status.Phase != v1alpha1.PhaseStarted || !strings.Contains(save.Status.Message, "waits for b (it has not been heard of since") {
		t.Fatalf("%s: %s", save.Status.Phase, save.Status.Message)
	}
	saves(w, save, 10*time.Minute)
	if save.Status.Phase != v1alpha1.PhaseFailed || !strings.Contains(save.Status.Message, "no snapshot on b: it has not been heard of") {
		t.Errorf("%s: %s", save.Status.Phase, save.Status.Message)
	}
}

// TestASaveDecidesTheSameAfterAnyCrash: the manager dies at each write in turn, once before and once after it.
func TestASaveDecidesTheSameAfterAnyCrash(t *testing.T) {
	for at := 1; ; at++ {
		w := newWorld(t, "a", "b", "c")
		w.crashAt = at
		save := new(v1alpha1.EtcdSnapshotSave)
		saves(w, save, time.Minute)
		reached := w.writes >= at
		w.crashAt = 0
		saves(w, save, time.Hour)
		if save.Status.Phase != v1alpha1.PhaseFinished || len(save.Status.Snapshots) != 3 || len(w.sequence) != 3 || w.holder != nil {
			t.Fatalf("died at write %d: %s: %s; %v", at, save.Status.Phase, save.Status.Message, w.sequence)
		}
		if !reached {
			break
		}
	}
}

func TestACancelledSaveKeepsWhatIsComplete(t *testing.T) {
	w := newWorld(t, "a", "b")
	save := new(v1alpha1.EtcdSnapshotSave)
	w.nodes["b"].do[step.SaveSnapshot] = func() (any, error) {
		save.Spec.Cancel = true
		return w.perform(w.nodes["b"], w.nodes["b"].seenPlan.Steps[0])
	}
	saves(w, save, time.Hour)
	if save.Status.Phase != v1alpha1.PhaseCancelled || len(save.Status.Snapshots) != 1 {
		t.Errorf("%s: %s: %v", save.Status.Phase, save.Status.Message, save.Status.Snapshots)
	}
	if slices.Contains(w.sequence, "a SaveSnapshot") {
		t.Error("the leader took one after the cancellation")
	}
}

func TestADeletedSaveIsCancelled(t *testing.T) {
	w := newWorld(t, "a", "b")
	save := new(v1alpha1.EtcdSnapshotSave)
	saves(w, save, time.Second)
	now := metav1.NewTime(w.now)
	save.DeletionTimestamp = &now
	w.nodes["b"].do[step.SaveSnapshot] = nil
	saves(w, save, time.Hour)
	if !save.Status.Phase.Ended() {
		t.Errorf("%s: %s", save.Status.Phase, save.Status.Message)
	}
}

// TestOnlyMachinesWithEtcdAreSaved: control planes and workers have nothing to save, and are not even skipped.
func TestOnlyMachinesWithEtcdAreSaved(t *testing.T) {
	w := joinWorld(t, "cp1", "w1")
	save := new(v1alpha1.EtcdSnapshotSave)
	saves(w, save, time.Hour)
	want := []string{"b SaveSnapshot", "c SaveSnapshot", "a SaveSnapshot"}
	if diff := cmp.Diff(want, w.sequence); diff != "" || save.Status.Phase != v1alpha1.PhaseFinished || len(save.Status.Skipped) > 0 {
		t.Errorf("%s: %s, skipped %v\n%s", save.Status.Phase, save.Status.Message, save.Status.Skipped, diff)
	}
}
