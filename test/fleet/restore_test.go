package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
)

func TestARestoreOfThreeMachines(t *testing.T) {
	t.Parallel()
	newWorld(t, plan{members: 3}).inTurn(t, []part{
		{"brings the snapshot to every member, and what came later is gone", restore},
		{"is not undone by a member that missed it: that one is rejoined, not obeyed", restoreWithoutOne},
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

func TestARestoreThatIsStruckEndsInOneClusterWithOneState(t *testing.T) {
	t.Parallel()
	struck := func(phase v1alpha1.Phase, blow func(*testing.T, *world)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { restoreStruck(t, w, phase, blow) }
	}
	newWorld(t, plan{members: 3}).inTurn(t, []part{
		{"the manager is killed", struck(v1alpha1.PhaseStarted, func(t *testing.T, w *world) {
			do(t, w.KillManager())
			do(t, w.StartManager(t.Context()))
		})},
		{"a machine loses its power", struck(v1alpha1.PhaseShutdown, func(t *testing.T, w *world) {
			do(t, w.Lab.Nodes[1].PowerCut(t.Context()))
			do(t, w.Lab.Nodes[1].Start(t.Context()))
		})},
		{"an agent is killed", struck(v1alpha1.PhaseRestore, func(t *testing.T, w *world) {
			_, err := w.Lab.Nodes[2].Run(t.Context(), "systemctl", "kill", "--signal=KILL", "holdfast-agent.service")
			do(t, err)
		})},
		{"a machine is rebooted", struck(v1alpha1.PhaseRestartCluster, func(t *testing.T, w *world) {
			do(t, w.Lab.Nodes[0].Reboot(t.Context()))
		})},
	})
}

// restoreStruck strikes when a restore is in a phase, or as soon as it has left it. Whatever that did to the restore, all
// members hold the snapshot when it says that it succeeded, and all hold what was there before when it says that it did not.
func restoreStruck(t *testing.T, w *world, phase v1alpha1.Phase, blow func(*testing.T, *world)) {
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	phases := []v1alpha1.Phase{v1alpha1.PhaseStarted, v1alpha1.PhaseShutdown, v1alpha1.PhaseRestore, v1alpha1.PhaseRestartCluster}
	ended := w.background(t, "restore", "create", name, "--snapshot", made[0], "--yes")
	w.awaitPhase(t, ended, phases[slices.Index(phases, phase):]...)
	blow(t, w)
	err := <-ended
	t.Logf("the restore ended: %v", err)
	w.healthy(t)
	var r v1alpha1.EtcdSnapshotRestore
	do(t, w.Read(t.Context(), &r, "restore", "status", name))
	want := map[string]string{v1alpha1.OutcomeRestored: "saved", v1alpha1.OutcomeRolledBack: "changed"}[r.Status.Outcome]
	if !r.Status.Phase.Ended() || want == "" {
		t.Fatalf("it is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	w.holds(t, "/a", want)
}

// Two of three members are gone for good. What the third has, acknowledged writes after the last snapshot too, is kept.
func TestASurvivorWithoutAQuorumBecomesTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{members: 3})
	survivor, gone := w.Lab.Nodes[0], w.Lab.Nodes[1:]
	w.write(t, "/a", "never saved")
	for _, n := range gone {
		do(t, n.PowerCut(t.Context()))
	}
	w.awaitAnswering(t, 1)
	if err := w.etcd.Healthy(t.Context(), survivor); err == nil {
		t.Fatal("there is a quorum")
	}
	w.run(t, "restore", "create", name, "--survivor", survivor.Name,
		"--exclude-machine", names(gone), "--confirm-powered-off", names(gone), "--yes")
	do(t, lab.Until(t.Context(), "the survivor to take writes", func(ctx context.Context) error {
		return w.etcd.Write(ctx, survivor, "/b", "new")
	}))
	got, err := w.etcd.Value(t.Context(), survivor, "/a")
	if err != nil || got != "never saved" {
		t.Errorf("it holds %q, %v", got, err)
	}
	for _, n := range gone {
		do(t, n.Start(t.Context()))
		w.awaitRejoined(t, n)
	}
}

// All that is left of the cluster is its folder in the bucket.
func TestTheSnapshotInTheBucketComesBackOnNewMachinesAlone(t *testing.T) {
	t.Parallel()
	w, minio := newScheduledWorld(t, 3)
	old := slices.Clone(w.Lab.Nodes)
	w.write(t, "/a", "saved")
	w.save(t)
	for _, n := range old {
		do(t, n.PowerCut(t.Context()))
	}
	w.awaitAnswering(t, 0)

	fresh, err := w.Lab.Add(t.Context(), len(old))
	do(t, err)
	do(t, w.etcd.Move(t.Context(), fresh...))
	for _, n := range fresh {
		do(t, w.Join(t.Context(), n, name))
	}
	w.awaitAnswering(t, int32(len(fresh)))
	all := payloads(t, minio)
	newest := slices.MaxFunc(all, func(a, b string) int { return cmp.Compare(unix(t, a), unix(t, b)) })
	gone := names(old)
	w.run(t, "restore", "create", name, "--s3-uri", "s3://"+bucket+"/"+newest, "--exclude-machine", gone, "--confirm-powered-off", gone, "--yes")
	do(t, w.etcd.Ready(t.Context()))
	for _, n := range fresh {
		got, err := w.etcd.Value(t.Context(), n, "/a")
		if err != nil || got != "saved" {
			t.Errorf("%s holds %q, %v", n.Name, got, err)
		}
	}
}

// names as the command line takes them.
func names(nodes []*lab.Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.Name)
	}
	return strings.Join(list, ",")
}

// Two of three members are gone for good, and the third has lost its data: all that it still has is a snapshot.
func TestAClusterWithoutAnySurvivorComesBackFromASnapshotOnOneOfItsMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{members: 3})
	left, gone := w.Lab.Nodes[0], w.Lab.Nodes[1:]
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	for _, n := range gone {
		do(t, n.PowerCut(t.Context()))
	}
	_, err := left.Run(t.Context(), "sh", "-ec", "systemctl stop etcd; rm -rf "+etcd.DataDir+"/member")
	do(t, err)
	w.awaitAnswering(t, 1)

	w.run(t, "restore", "create", name, "--snapshot", takenOn(t, made, left),
		"--exclude-machine", names(gone), "--confirm-powered-off", names(gone), "--yes")
	do(t, lab.Until(t.Context(), "the machine to take writes", func(ctx context.Context) error {
		return w.etcd.Write(ctx, left, "/b", "new")
	}))
	got, err := w.etcd.Value(t.Context(), left, "/a")
	if err != nil || got != "saved" {
		t.Errorf("it holds %q, %v", got, err)
	}
	for _, n := range gone {
		do(t, n.Start(t.Context()))
		w.awaitRejoined(t, n)
	}
}

// takenOn is the snapshot that was taken on a machine; only that has a copy.
func takenOn(t *testing.T, snapshots []string, n *lab.Node) string {
	t.Helper()
	i := slices.IndexFunc(snapshots, func(s string) bool { return strings.Contains(s, "-"+n.Name+"-") })
	if i < 0 {
		t.Fatalf("none of %v was taken on %s", snapshots, n.Name)
	}
	return snapshots[i]
}

// unix is the second in which a snapshot was taken, as its file's name says.
func unix(t *testing.T, file string) int {
	t.Helper()
	base, _, _ := strings.Cut(path.Base(file), ".")
	second, err := strconv.Atoi(base[strings.LastIndex(base, "-")+1:])
	do(t, err)
	return second
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
