package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// What can be got over is; what can't be is taken back before the commit point.
func TestTroubleInTheMiddleOfARestoreOfThreeServersIsGotOverOrTakenBack(t *testing.T) {
	t.Parallel()
	for _, f := range soaked() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, f, 3)
			s.put(t, "test-a", "kept")
			t.Run("a token that is another since the checks", s.takesWrongTokenBack)
			t.Run("a snapshot that the token does not open", s.takesUnopenedBack)
			t.Run("cut networks, a lost manager, and a full disk of one that joins", s.getsOver)
		})
	}
}

// getsOver has everything happen to a restore that it can get over by itself: a server can't be reached while it should stop,
// the manager is away while the cluster is reset, the init machine can't be reached when the first of the others is to join it,
// and the disk of the next one is full. It takes longer, and nothing else comes of it.
func (s *stage) getsOver(t *testing.T) {
	init, first, second := s.Lab.Nodes[0], s.Lab.Nodes[1], s.Lab.Nodes[2]
	snapshot := takenOn(t, s.save(t), init)
	s.put(t, "test-b", "new")
	s.remembers(t)
	mended := make(chan error, 3)
	// The agent must go on, so that what is waited for comes.
	mend := func(ctx context.Context, what string, seen func(context.Context) error, how func(context.Context) error) {
		go func() { mended <- errors.Join(lab.Until(ctx, what, seen), how(ctx)) }()
	}
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		do(t, err)
		ends(t, r, v1alpha1.PhaseFinished, v1alpha1.OutcomeRestored)
		for range cap(mended) {
			do(t, <-mended)
		}
	}, &event{kind: step.Fence, at: strike.Begun, on: second, do: func(ctx context.Context) error {
		mend(ctx, "the restore to miss "+second.Name, s.misses(second), second.Heal)
		return second.CutNetwork(ctx)
	}}, &event{kind: step.RestoreEtcd, at: strike.Begun, on: init, do: func(context.Context) error { return s.KillManager() }},
		&event{kind: step.RestoreEtcd, at: strike.Ended, on: init, do: s.StartManager},
		&event{kind: step.StartDistro, at: strike.Begun, on: first, do: func(ctx context.Context) error {
			mend(ctx, first.Name+" to join in vain", s.failed(first), init.Heal)
			return init.CutNetwork(ctx)
		}},
		&event{kind: step.StartDistro, at: strike.Begun, on: second, do: func(ctx context.Context) error {
			mend(ctx, second.Name+" to start in vain", s.failed(second), func(context.Context) error { return second.FreeDisk() })
			return second.FillDisk(8 << 20)
		}})
	s.serves(t, "test-a=kept")
	s.holdsExactly(t, snapshot, s.Lab.Nodes...)
	s.leavesNothing(t)
	if members, err := s.distro.Members(t.Context(), init); err != nil || len(members) != len(s.Lab.Nodes) {
		t.Errorf("members %v, %v", members, err)
	}
}

// misses is nil when the newest restore says that it waits for a machine of which nothing was heard.
func (s *stage) misses(n *lab.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		var r v1alpha1.EtcdSnapshotRestore
		err := s.Read(ctx, &r, "restore", "status", name)
		if err == nil && !strings.Contains(r.Status.Message, n.Name+" (it has not been heard of since ") {
			err = fmt.Errorf("it says %s", r.Status.Message)
		}
		return err
	}
}

// failed is nil when a machine's server has ended, and systemd is about to start it again.
func (s *stage) failed(n *lab.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := n.Run(ctx, "systemctl", "show", "-P", "SubState", s.distro.Unit(n))
		if err == nil && strings.TrimSpace(out) != "auto-restart" {
			err = fmt.Errorf("it is %s", out)
		}
		return err
	}
}
