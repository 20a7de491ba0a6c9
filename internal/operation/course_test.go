package operation

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// TestAManagerThatWasRestoredFromABackupDoesNothingTwice puts the manager's memory back to each moment of a save that has
// ended since. The machines go by later plans than it knows of.
func TestAManagerThatWasRestoredFromABackupDoesNothingTwice(t *testing.T) {
	type backup struct {
		save   v1alpha1.EtcdSnapshotSave
		plans  map[string]v1alpha1.MachinePlan
		holder *v1alpha1.PlanOperation
	}
	want := []string{"b SaveSnapshot", "c SaveSnapshot", "a SaveSnapshot"}
	for moment := 0; ; moment++ {
		w := newWorld(t, "a", "b", "c")
		save := new(v1alpha1.EtcdSnapshotSave)
		save.Name, save.UID = "one", uid
		var taken *backup
		turns := 0
		decide := func() bool {
			if turns == moment {
				taken = &backup{save: clone(*save), plans: map[string]v1alpha1.MachinePlan{}, holder: w.holder}
				for name, n := range w.nodes {
					taken.plans[name] = clone(n.Plan)
				}
			}
			turns++
			status, d := DecideSave(save, w.observe())
			if cmp.Diff(status, save.Status) != "" {
				save.Status = clone(status)
				return true
			}
			w.apply(v1alpha1.PlanOperation{Kind: "EtcdSnapshotSave", Name: save.Name, UID: uid}, d)
			return len(d.Plans) > 0 || d.Lock != LockKeep
		}
		w.settle(decide, 10*time.Minute)
		if save.Status.Phase != v1alpha1.PhaseFinished {
			t.Fatalf("%s: %s", save.Status.Phase, save.Status.Message)
		}
		if taken == nil {
			return // the save took fewer decisions
		}
		save, w.holder, w.handed = &taken.save, taken.holder, map[string]string{}
		for name, plan := range taken.plans {
			w.nodes[name].Plan = plan
		}
		w.settle(decide, 10*time.Minute)
		if save.Status.Phase != v1alpha1.PhaseFinished {
			t.Fatalf("back at decision %d: %s: %s", moment, save.Status.Phase, save.Status.Message)
		}
		if !slices.Equal(w.sequence, want) {
			t.Fatalf("back at decision %d: %v", moment, w.sequence)
		}
	}
}
