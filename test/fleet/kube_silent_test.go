package fleet_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// Workers fall silent in the middle of a restore. It ends without them, names them, and says what to do.
func TestARestoreEndsWithoutWorkersThatFallSilentAndNamesThem(t *testing.T) {
	t.Parallel()
	for _, f := range soaked() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := newStageAs(t, f, 3, func(cfg *standin.Config, nodes []*lab.Node) { cfg.Servers, cfg.Agents = nodes[:1], nodes[1:] })
			s.put(t, "test-a", "saved")
			snapshot := s.save(t)[0]
			t.Run("one is cut off and the agent of another is stopped; both come back by themselves", func(t *testing.T) { s.goesOnWithout(t, snapshot) })
			t.Run("one never answers again", func(t *testing.T) { s.forgetsAWorker(t, snapshot) })
		})
	}
}

func (s *stage) goesOnWithout(t *testing.T, snapshot string) {
	server, cut, stopped := s.Lab.Nodes[0], s.Lab.Nodes[1], s.Lab.Nodes[2]
	s.put(t, "test-b", "new")
	s.remembers(t)
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		missing(t, r, err, cut, stopped)
	}, &event{kind: step.StopDistro, at: strike.Begun, on: cut, do: cut.CutNetwork},
		&event{kind: step.StopDistro, at: strike.Ended, on: stopped, do: func(ctx context.Context) error {
			_, err := stopped.Run(ctx, "systemctl", "stop", "--no-block", agentUnit) // it can't end before it may go on
			return err
		}})
	s.servesOn(t, []*lab.Node{server}, "test-a=saved")
	s.holdsExactly(t, snapshot, server)

	do(t, cut.Heal(t.Context()))
	_, err := stopped.Run(t.Context(), "systemctl", "start", agentUnit)
	do(t, err)
	s.awaitAnswering(t, int32(len(s.Lab.Nodes)))
	s.serveWhere(t, []*lab.Node{server}, "test-a=saved", s.Lab.Nodes)
	s.goesOnTo(t, v1alpha1.OutcomeRestored)
	s.leavesNothing(t)
}

func (s *stage) forgetsAWorker(t *testing.T, snapshot string) {
	server, lost := s.Lab.Nodes[0], s.Lab.Nodes[1]
	rest := []*lab.Node{server, s.Lab.Nodes[2]}
	s.put(t, "test-b", "new")
	s.remembers(t)
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		missing(t, r, err, lost)
	}, &event{kind: step.StopDistro, at: strike.Ended, on: lost, do: lost.PowerCut})
	s.serveWhere(t, []*lab.Node{server}, "test-a=saved", rest)
	s.holdsExactly(t, snapshot, server)

	s.run(t, "machine", "delete", lost.Name, "--yes", "--force") // the restore is unfinished there
	s.goesOnTo(t, v1alpha1.OutcomeRestored)
	s.serveWhere(t, []*lab.Node{server}, "test-a=saved", rest)
	s.leavesNothing(t)
}

// missing fails unless a restore has ended with the new data, says that nothing was heard of these workers, and how to go on.
func missing(t *testing.T, r v1alpha1.EtcdSnapshotRestore, err error, workers ...*lab.Node) {
	t.Helper()
	ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeKeptNew)
	if err == nil {
		t.Fatal("the command says that all is well")
	}
	for _, n := range workers {
		if !strings.Contains(err.Error(), n.Name+" (it has not been heard of since ") {
			t.Errorf("it does not say that %s is missing: %v", n.Name, err)
		}
	}
	for _, what := range []string{names(workers), "holdfast restore retry " + name + " " + r.Name, "or once the Machine of what never will is deleted"} {
		if !strings.Contains(strings.ReplaceAll(err.Error(), ", ", ","), what) {
			t.Errorf("it does not say %q: %v", what, err)
		}
	}
}

// goesOnTo goes on with the newest restore, and says how it has to end.
func (s *stage) goesOnTo(t *testing.T, outcome string) {
	t.Helper()
	s.run(t, "restore", "retry", name)
	var r v1alpha1.EtcdSnapshotRestore
	do(t, s.Read(t.Context(), &r, "restore", "status", name))
	ends(t, r, v1alpha1.PhaseFinished, outcome)
	if len(r.Status.RemainingSteps) > 0 {
		t.Errorf("there remain %v", r.Status.RemainingSteps)
	}
}
