package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

func TestASnapshotThatIsSpoiledAtAnyStageNeverReplacesTheRunningCluster(t *testing.T) {
	t.Parallel()
	for _, f := range flavours(distro.RKE2()) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, f, 1)
			s.put(t, "test-a", "kept")
			for _, d := range damages {
				t.Run(d.name+" before the plan", func(t *testing.T) { s.refusesSpoiled(t, d) })
			}
			for _, d := range sampled(t, damages) {
				t.Run(d.name+" after the plan", func(t *testing.T) { s.refusesSpoiledPlan(t, d) })
			}
			for _, d := range sampled(t, damages) {
				t.Run(d.name+" before it is fetched", func(t *testing.T) { s.leavesSpoiled(t, d) })
			}
			for _, d := range sampled(t, damages) {
				t.Run(d.name+" between the check and the reset", func(t *testing.T) { s.takesSpoiledBack(t, d) })
			}
		})
	}
}

// damage is what becomes of a file.
type damage struct {
	name  string
	spoil func([]byte) []byte
}

var damages = []damage{
	{"a changed byte", func(b []byte) []byte { b[len(b)/2] ^= 0x10; return b }},
	{"half of it gone", func(b []byte) []byte { return b[:len(b)/2] }},
	{"an empty file", func([]byte) []byte { return nil }},
	{"a database without its hash", func(b []byte) []byte { return b[:len(b)-32] }},
}

// sampled is all of a list when soaking, else one, which follows from the seed.
func sampled[T any](t *testing.T, list []T) []T {
	if soaking() {
		return list
	}
	i := seed(t) % uint64(len(list))
	return list[i : i+1]
}

// victim is a new snapshot, with what spoils the one copy of it.
func (s *stage) victim(t *testing.T, d damage) (snapshot string, spoil func(context.Context) error) {
	t.Helper()
	snapshot = s.save(t)[0]
	n, path := s.copyOf(t, snapshot)
	return snapshot, func(context.Context) error {
		data, err := n.ReadFile(path)
		if err != nil {
			return err
		}
		return n.WriteFile(path, d.spoil(data), 0o600)
	}
}

// goesOn checks that nothing was stopped since these runs of the servers, and that they serve.
func (s *stage) goesOn(t *testing.T, runs map[string]string) {
	t.Helper()
	if now := s.restartCounts(t); !maps.Equal(now, runs) {
		t.Errorf("servers were restarted: %v, and before %v", now, runs)
	}
	s.serves(t, "test-a=kept")
	s.leavesNothing(t)
}

// judgedBad fails unless a restore says that the snapshot is not what it should be.
func judgedBad(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("it was restored")
	}
	for _, words := range []string{"SHA-256", "sha256", "hash", "damaged", "empty", "truncated", "page", "EOF"} {
		if strings.Contains(err.Error(), words) {
			return
		}
	}
	t.Errorf("it does not say what is wrong with the snapshot: %v", err)
}

func (s *stage) refusesSpoiled(t *testing.T, d damage) {
	runs := s.restartCounts(t)
	snapshot, spoil := s.victim(t, d)
	do(t, spoil(t.Context()))
	_, err := s.restore(t, "--snapshot", snapshot)
	judgedBad(t, err)
	s.goesOn(t, runs)
}

func (s *stage) refusesSpoiledPlan(t *testing.T, d damage) {
	runs := s.restartCounts(t)
	snapshot, spoil := s.victim(t, d)
	s.run(t, "restore", "plan", name, "--snapshot", snapshot)
	var planned v1alpha1.EtcdSnapshotRestore
	do(t, s.Read(t.Context(), &planned, "restore", "status", name))
	do(t, spoil(t.Context()))
	r, err := s.restore(t, "--plan", planned.Name)
	judgedBad(t, err)
	if r.Spec.ApprovedPlan != "" { // else the agent has found it before that
		ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeNothingDone)
	}
	s.goesOn(t, runs)
}

func (s *stage) leavesSpoiled(t *testing.T, d damage) {
	runs := s.restartCounts(t)
	snapshot, spoil := s.victim(t, d)
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		judgedBad(t, err)
		ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeNothingDone)
	}, &event{kind: step.FetchSnapshot, at: strike.Begun, do: spoil})
	s.goesOn(t, runs)
}

func (s *stage) takesSpoiledBack(t *testing.T, d damage) {
	snapshot, spoil := s.victim(t, d)
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		judgedBad(t, err)
		ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeRolledBack)
	}, &event{kind: step.RestoreEtcd, at: strike.Begun, do: spoil})
	s.serves(t, "test-a=kept")
	s.leavesNothing(t)
}

func ends(t *testing.T, r v1alpha1.EtcdSnapshotRestore, phase v1alpha1.Phase, outcome string) {
	t.Helper()
	if r.Status.Phase != phase || r.Status.Outcome != outcome {
		t.Errorf("it is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

func TestADiskThatIsFullOrFillsUpDuringARestoreLosesNothing(t *testing.T) {
	t.Parallel()
	for _, f := range flavours(distro.K3s()) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, f, 1)
			s.put(t, "test-a", "kept")
			t.Run("before", s.refusesFullDisk)
			t.Run("while the cluster is reset", s.takesFullDiskBack)
			t.Run("two operations at one time take turns", s.takesTurns)
			t.Run("a token that is another since the checks", s.takesWrongTokenBack)
		})
	}
}

// A restore takes the database and two segments of a WAL.
func (s *stage) refusesFullDisk(t *testing.T) {
	n, runs := s.Lab.Nodes[0], s.restartCounts(t)
	snapshot := s.save(t)[0]
	do(t, n.FillDisk(110<<20))
	_, err := s.restore(t, "--snapshot", snapshot)
	if err == nil || !strings.Contains(err.Error(), "DiskSpace on "+n.Name) || !strings.Contains(err.Error(), "MiB free, and a restore takes") {
		t.Errorf("a restore without room: %v", err)
	}
	do(t, n.FreeDisk())
	s.goesOn(t, runs)
}

func (s *stage) takesFullDiskBack(t *testing.T) {
	n := s.Lab.Nodes[0]
	snapshot := s.save(t)[0]
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		if err == nil {
			t.Error("it was restored on a full disk")
		}
		t.Logf("it ended: %v", err)
		ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeRolledBack)
	}, &event{kind: step.RestoreEtcd, at: strike.Begun, do: func(context.Context) error { return n.FillDisk(8 << 20) }})
	do(t, n.FreeDisk())
	s.serves(t, "test-a=kept")
	s.leavesNothing(t)
}

// takesTurns asks for a restore while a snapshot is taken, and then, while that restore runs, for a snapshot and for another
// restore that was planned before.
func (s *stage) takesTurns(t *testing.T) {
	do(t, s.Ready(t.Context(), name, len(s.Lab.Nodes)))
	snapshot := s.save(t)[0]
	s.put(t, "test-b", "new")
	s.run(t, "restore", "plan", name, "--snapshot", snapshot)
	var first, other v1alpha1.EtcdSnapshotRestore
	do(t, s.Read(t.Context(), &first, "restore", "status", name))
	s.run(t, "restore", "plan", name, "--snapshot", snapshot)
	do(t, s.Read(t.Context(), &other, "restore", "status", name))
	var restored, saved, later, refused <-chan error
	s.with(t, func() {
		saved = s.background(t, "snapshot", "create", name)
		do(t, <-saved)
		do(t, <-restored)
		do(t, <-later)
		if err := <-refused; err == nil || !strings.Contains(err.Error(), "create another restore and read its plan") {
			t.Errorf("the other restore: %v", err)
		}
	}, &event{kind: step.SaveSnapshot, at: strike.Begun, do: func(ctx context.Context) error {
		restored = s.background(t, "restore", "create", name, "--plan", first.Name, "--yes")
		return s.waits(ctx, restoreKind, first.Name, "EtcdSnapshotSave")
	}}, &event{kind: step.Fence, at: strike.Begun, do: func(ctx context.Context) error {
		refused = s.background(t, "restore", "create", name, "--plan", other.Name, "--yes")
		later = s.background(t, "snapshot", "create", name, "--name", "later")
		return errors.Join(s.waits(ctx, restoreKind, other.Name, "EtcdSnapshotRestore "+first.Name),
			s.waits(ctx, saveKind, "", "EtcdSnapshotRestore "+first.Name))
	}})
	s.serves(t, "test-a=kept")
	do(t, s.Read(t.Context(), &other, "restore", "status", name, other.Name))
	ends(t, other, v1alpha1.PhaseFailed, v1alpha1.OutcomeNothingDone)
	s.leavesNothing(t)
}

// waits waits until an operation, or with no name any of its kind, says for whom it waits. A restore may also have seen that
// its plan is out of date.
func (s *stage) waits(ctx context.Context, kind, object, holder string) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout/2)
	defer cancel()
	return lab.Until(ctx, kind+" "+object+" to wait", func(ctx context.Context) error {
		out, err := s.Kubectl(ctx, "", "get", kind, "-n", name, "-o", `jsonpath={range .items[*]}{.metadata.name}: {.status.phase} {.status.message}{"\n"}{end}`)
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			waits := strings.Contains(line, ": Pending waits ") && strings.Contains(line, "for "+holder)
			if strings.HasPrefix(line, object) && (waits || strings.Contains(line, "create another restore and read its plan")) {
				return nil
			}
		}
		return fmt.Errorf("they say:\n%s", out)
	})
}
