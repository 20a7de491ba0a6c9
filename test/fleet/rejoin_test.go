package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
)

// A machine that nobody can reach is left out of a restore. When it is back its old etcd is stopped, and it becomes a member
// of the restored cluster, without anybody asking for it.
func restoreWithoutOne(t *testing.T, w *world) {
	gone, rest := w.Lab.Nodes[2], w.Lab.Nodes[:2]
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	do(t, gone.CutNetwork(t.Context()))
	w.awaitAnswering(t, 2)
	w.run(t, "restore", "create", name, "--snapshot", takenOn(t, made, rest[0]), "--confirm-powered-off", gone.Name, "--yes")
	for _, n := range rest {
		do(t, lab.Until(t.Context(), "etcd on "+n.Name, func(ctx context.Context) error { return w.etcd.Healthy(ctx, n) }))
	}
	do(t, w.etcd.Write(t.Context(), rest[0], "/after", "restore"))

	do(t, gone.Heal(t.Context()))
	w.awaitRejoined(t, gone)
	w.healthy(t)
	w.holds(t, "/a", "saved")
	w.holds(t, "/after", "restore")
	do(t, gone.Reboot(t.Context()))
	w.awaitAnswering(t, 3)
	w.healthy(t)
	w.holds(t, "/a", "saved")
}

// awaitRejoined waits until a machine that missed a restore is a member of the restored cluster, by a restore of the
// manager's own, with its old data beside the new.
func (w *world) awaitRejoined(t *testing.T, n *lab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, n.Name+" to be a member again", func(ctx context.Context) error {
		var r v1alpha1.EtcdSnapshotRestore
		err := w.Read(ctx, &r, "restore", "status", name, "rejoin-"+n.Name+"-1")
		if err == nil && r.Status.Outcome != v1alpha1.OutcomeRestored {
			err = fmt.Errorf("its restore is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
		}
		return err
	}))
	do(t, lab.Until(ctx, "etcd on "+n.Name, func(ctx context.Context) error { return w.etcd.Healthy(ctx, n) }))
	if _, err := n.Run(ctx, "sh", "-c", "ls -d "+etcd.DataDir+".holdfast-*/member"); err != nil {
		t.Errorf("the old data: %v", err)
	}
}

// One of three members has lost its data. It is made anew from the others, and not one write fails meanwhile.
func TestOneLostMemberOfThreeIsReplacedWhileTheOthersGoOnServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{members: 3})
	lost, rest := w.Lab.Nodes[2], w.Lab.Nodes[:2]
	w.write(t, "/a", "kept")
	_, err := lost.Run(t.Context(), "sh", "-ec", "systemctl stop etcd; rm -rf "+etcd.DataDir+"/member")
	do(t, err)
	for _, n := range rest {
		do(t, lab.Until(t.Context(), "etcd on "+n.Name, func(ctx context.Context) error { return w.etcd.Healthy(ctx, n) }))
	}
	w.awaitUnhealthy(t, lost)

	out := w.run(t, "restore", "plan", name, "--replace", lost.Name)
	for _, want := range []string{"ReplaceMember", "Nothing is lost, and the others go on serving", "is removed first"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	stop := w.keepWriting(t, rest[0])
	w.run(t, "restore", "create", name, "--replace", lost.Name, "--yes")
	if writes, failed := stop(); len(failed) > 0 || writes == 0 {
		t.Errorf("%d writes, of which failed: %v", writes, failed)
	}
	w.healthy(t)
	w.holds(t, "/a", "kept")
	w.write(t, "/b", "after")
	w.holds(t, "/b", "after")
}

// awaitUnhealthy waits until the manager knows that a machine's member does not answer.
func (w *world) awaitUnhealthy(t *testing.T, n *lab.Node) {
	t.Helper()
	do(t, lab.Until(t.Context(), "the manager to know that etcd is down on "+n.Name, func(ctx context.Context) error {
		m, err := w.Machine(ctx, n.Name)
		if err == nil && !meta.IsStatusConditionFalse(m.Status.Conditions, v1alpha1.MachineEtcdHealthy) {
			err = fmt.Errorf("its conditions are %v", m.Status.Conditions)
		}
		return err
	}))
}

// keepWriting writes through one member until the returned function is called, which tells how it went.
func (w *world) keepWriting(t *testing.T, n *lab.Node) func() (writes int, failed []error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var writes int
	var failed []error
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// Longer than a change of the leader takes: such a write is slow, and done.
			one, done := context.WithTimeout(ctx, 10*time.Second)
			err := w.etcd.Write(one, n, "/written", fmt.Sprint(writes))
			done()
			if err != nil && ctx.Err() == nil {
				failed = append(failed, err)
			}
			writes++
		}
	}()
	t.Cleanup(cancel)
	return func() (int, []error) {
		cancel()
		<-ended
		return writes, failed
	}
}
