package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
)

func TestARestoreOfThreeMachines(t *testing.T) {
	newWorld(t, 3).inTurn(t, []part{
		{"brings the snapshot to every member, and what came later is gone", restore},
		{"may be cut by a power cut, and all members agree", restoreUnderPowerCut},
	})
}

func restore(t *testing.T, w *world) {
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	w.write(t, "/b", "new")
	w.run(t, "restore", "create", name, "--snapshot", made[0], "--yes")
	w.healthy(t)
	w.holds(t, "/a", "saved")
	w.holds(t, "/b", "")
}

// Whatever the power cut did to the restore, there is one cluster afterwards, and every member holds the old data or
// every member holds the new.
func restoreUnderPowerCut(t *testing.T, w *world) {
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	ended := w.background(t, "restore", "create", name, "--snapshot", made[0], "--yes")
	w.awaitPhase(t, ended, v1alpha1.PhaseShutdown, v1alpha1.PhaseRestore)
	n := w.Lab.Nodes[1]
	do(t, n.PowerCut(t.Context()))
	do(t, n.Start(t.Context()))
	err := <-ended
	t.Logf("the restore ended: %v", err)
	w.healthy(t)
	want := "saved"
	if err != nil {
		want = "changed"
	}
	w.holds(t, "/a", want)
}

// awaitPhase waits until the cluster's newest restore is in one of these phases. It fails if that has ended before.
func (w *world) awaitPhase(t *testing.T, ended <-chan error, phases ...v1alpha1.Phase) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var seen []string
	err := lab.Until(ctx, fmt.Sprintf("a restore in %v", phases), func(ctx context.Context) error {
		select {
		case err := <-ended:
			cancel(fmt.Errorf("it ended: %w", cmp.Or(err, errors.New("well"))))
		default:
		}
		var r v1alpha1.EtcdSnapshotRestore
		if err := w.Read(ctx, &r, "restore", "status", name); err != nil {
			return err
		}
		if seen = append(seen, string(r.Status.Phase)); slices.Contains(phases, r.Status.Phase) {
			return nil
		}
		return fmt.Errorf("%s is %s", r.Name, r.Status.Phase)
	})
	if err != nil {
		t.Fatalf("%v; phases seen: %v", err, slices.Compact(seen))
	}
}
