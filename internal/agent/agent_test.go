package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// local is an agent without a manager on a machine with a real etcd.
func local(t *testing.T, world *etcdtest.Machine, cron string) *Agent {
	t.Helper()
	a, err := New(Config{
		File: File{
			Supervise: &Supervise{Command: world.Command}, Metrics: "none", Node: "n1",
			Local: &Local{MachineSpec: v1alpha1.MachineSpec{
				Distro: v1alpha1.DistroEtcd, ClusterID: "c-abcde", Roles: []v1alpha1.Role{v1alpha1.RoleEtcd},
				Snapshots: &v1alpha1.MachineSnapshots{
					Scheduler: v1alpha1.SchedulerHoldfast, Cron: cron, Retention: 2, Verify: v1alpha1.VerifyContent, MinFree: &resource.Quantity{},
				},
			}},
		},
		StateDir: world.State, Etcd: etcdtest.Command(), Version: "test", Hostname: "n1", Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run runs an agent until the returned function is called.
func run(t *testing.T, a *Agent) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func held(t *testing.T, a *Agent) []v1alpha1.SnapshotFile {
	t.Helper()
	o, _ := a.standing.get()
	inv, _, err := a.inventory(t.Context(), o, v1alpha1.MachineInventoryStatus{})
	if err != nil {
		t.Fatal(err)
	}
	return inv.Files
}

func TestAnAgentWithoutAManagerKeepsScheduleAndRetention(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "1")
	a := local(t, world, "@every 1s")
	stop := run(t, a)
	first := ""
	etcdtest.Eventually(t, "snapshots come and go", func() error {
		files := held(t, a)
		if len(files) > 0 && first == "" {
			first = files[len(files)-1].File
		}
		if len(files) < 2 || files[len(files)-1].File == first || files[1].File == first {
			return fmt.Errorf("%d files, the first was %s", len(files), first)
		}
		return nil
	})
	stop()
	for _, f := range held(t, a) {
		if f.State != v1alpha1.StateChecked || f.Trigger != "recurring" || !strings.HasPrefix(f.File, "etcd-snapshot-n1-") || !strings.HasPrefix(f.Backup, "c-abcde-") {
			t.Errorf("%+v", f)
		}
	}
	if c := a.schedule.condition(); c.Status != metav1.ConditionTrue || c.Reason != "Taken" {
		t.Errorf("%+v", c)
	}
}

func TestAMachineThatWasOffTakesOneSnapshotForAllThatItMissed(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "0 0 1 * *")
	a.schedule.past = past{Begun: time.Now().AddDate(0, -5, 0)}
	run(t, a)
	etcdtest.Eventually(t, "the missed slot is made up for", func() error {
		if last, _ := a.schedule.times(); last == nil {
			return fmt.Errorf("nothing yet")
		}
		return nil
	})
	if files := held(t, a); len(files) != 1 {
		t.Errorf("%d snapshots", len(files))
	}
}

func TestNoRecurringSnapshotIsTakenWhileAnOperationIsUnfinished(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "")
	carryOut(t, a, planOf(t, 1, map[step.Kind]any{step.Fence: nil}, step.Fence))
	o, _ := a.standing.get()
	if err := a.take(t.Context(), o, time.Now()); err == nil || !strings.Contains(err.Error(), "not over") {
		t.Errorf("got %v", err)
	}
}

func planOf(t *testing.T, serial int64, settings map[step.Kind]any, kinds ...step.Kind) v1alpha1.MachinePlanSpec {
	t.Helper()
	plan := v1alpha1.MachinePlanSpec{Serial: serial, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1"}}
	for _, k := range kinds {
		s := v1alpha1.PlanStep{ID: string(k), Kind: string(k), Deadline: metav1.NewTime(time.Now().Add(5 * time.Minute))}
		if settings[k] != nil {
			raw, err := json.Marshal(settings[k])
			if err != nil {
				t.Fatal(err)
			}
			s.Settings = &runtime.RawExtension{Raw: raw}
		}
		plan.Steps = append(plan.Steps, s)
	}
	return plan
}

func carryOut(t *testing.T, a *Agent, plan v1alpha1.MachinePlanSpec) v1alpha1.MachinePlanStatus {
	t.Helper()
	if err := a.plans.attempt(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	return a.plans.answered()
}

func TestASaveOfAPlanIsToldAndComparedWithTheLiveCluster(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "")
	for i := range 20 {
		world.Put(t, "a", fmt.Sprint(i))
	}
	last := world.Put(t, "b", "x")
	save := planOf(t, 1, map[step.Kind]any{step.SaveSnapshot: step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyRestore}}, step.SaveSnapshot)
	status := carryOut(t, a, save)
	if len(status.Results) != 1 || status.Results[0].Outcome != v1alpha1.StepDone {
		t.Fatalf("%+v", status)
	}
	world.Put(t, "b", "y")
	world.Compact(t, last-3)
	etcdtest.Eventually(t, "the compaction is compared", func() error {
		if err := a.live.poll(t.Context()); err != nil {
			return err
		}
		if left := a.live.pending(); len(left) > 0 {
			return fmt.Errorf("%v wait", left)
		}
		return nil
	})
	if f := held(t, a)[0]; f.State != v1alpha1.StateProven {
		t.Errorf("%+v", f)
	}
}

func TestACompactionThatIsTooLateProvesNothing(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "")
	world.Put(t, "a", "1")
	carryOut(t, a, planOf(t, 1, map[step.Kind]any{step.SaveSnapshot: step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent}}, step.SaveSnapshot))
	world.Put(t, "a", "2")
	world.Compact(t, world.Put(t, "a", "3"))
	for range 2 {
		if err := a.live.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if f := held(t, a)[0]; f.State != v1alpha1.StateChecked || len(a.live.pending()) != 0 {
		t.Errorf("%+v, %v", f, a.live.pending())
	}
}

func TestOldDataIsStoppedAndFencedButNotThatOfANewMachine(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "")
	o, _ := a.standing.get()
	o.Spec.RestoreEpoch = 3
	if err := a.adopt(o, false); err != nil {
		t.Fatal(err)
	}
	if err := a.obeyEpoch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	world.Want(t, "nothing", "")
	o.Spec.RestoreEpoch = 4
	if err := a.adopt(o, true); err != nil {
		t.Fatal(err)
	}
	if err := a.obeyEpoch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	d := world.Driver()
	running, err := d.Running(t.Context())
	fenced, fenceErr := d.Fenced()
	if err != nil || fenceErr != nil || running || !fenced {
		t.Errorf("running %v, fenced %v, %v, %v", running, fenced, err, fenceErr)
	}
	if e, err := restoring.ReadEpoch(world.State); err != nil || e.Epoch != 3 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestWhatTheManagerSaidIsKeptWithItsSecretsHidden(t *testing.T) {
	dir := t.TempDir()
	s, err := newStanding(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.set(orders{Generation: 4, Spec: v1alpha1.MachineSpec{ClusterID: "c-abcde"}, Keys: keys("AKIA1234", "hunter22", "")}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "machine.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	again, err := newStanding(dir)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := again.get()
	if o.Generation != 4 || o.Keys.SecretKey.Reveal() != "hunter22" || !o.Known {
		t.Errorf("%+v", o)
	}
	if got := again.redact("AKIA1234 and hunter22"); got != "*** and ***" {
		t.Errorf("%q", got)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", o, o.Keys), "hunter22") {
		t.Error("the secret can be printed")
	}
}

func TestTheStatusIsShownWithoutAManager(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "0 0 1 1 *")
	carryOut(t, a, planOf(t, 1, nil, step.Fence))
	var out bytes.Buffer
	if err := Status(t.Context(), a.cfg, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"m1, leader", "Fence", "EtcdSnapshotRestore r", "Next due", "done"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestAnOperationIsTakenBackWithoutTheManager(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "kept")
	a := local(t, world, "")
	var out bytes.Buffer
	if err := Undo(t.Context(), a.cfg, &out); err == nil {
		t.Error("there was nothing to undo, and nobody says so")
	}
	carryOut(t, a, planOf(t, 1, nil, step.Fence, step.StopDistro, step.MoveAside))
	if _, err := os.Stat(filepath.Join(world.Data, "member")); err == nil {
		t.Fatal("the data is still there")
	}
	if err := Undo(t.Context(), a.cfg, &out); err != nil {
		t.Fatal(err)
	}
	world.Want(t, "a", "kept")
	if got := strings.Count(out.String(), "Undone"); got != 3 {
		t.Errorf("told:\n%s", out.String())
	}
	if busy, err := a.busy(); err != nil || busy {
		t.Errorf("busy %v, %v", busy, err)
	}
}

func TestARecurringSnapshotGivesWayToARestore(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	a := local(t, world, "")
	release, err := a.journal.Acquire(t.Context()) // somebody else works on this machine, so that it waits
	if err != nil {
		t.Fatal(err)
	}
	o, _ := a.standing.get()
	ended := make(chan error, 1)
	go func() { ended <- a.take(t.Context(), o, time.Now()) }()
	var waits error
	for waits == nil {
		select {
		case waits = <-ended:
		case <-time.After(10 * time.Millisecond):
			a.urgent.ring()
		}
	}
	if !strings.Contains(waits.Error(), "a restore comes first") {
		t.Errorf("got %v", waits)
	}
	release()
	if err := a.take(t.Context(), o, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestARestoreRunsWithoutAnyManager(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "old")
	a := local(t, world, "")
	carryOut(t, a, planOf(t, 1, map[step.Kind]any{step.SaveSnapshot: step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent}}, step.SaveSnapshot))
	world.Put(t, "a", "new")
	r := &LocalRestore{Location: held(t, a)[0].Location, Timeout: time.Minute}
	text, err := r.Plan(t.Context(), a.cfg)
	if err != nil || !strings.Contains(strings.Join(text, " "), "member m1") {
		t.Fatalf("%v, %v", text, err)
	}
	world.Want(t, "a", "new")
	var out bytes.Buffer
	if err := r.Run(t.Context(), a.cfg, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	world.Want(t, "a", "old")
	if e, err := restoring.ReadEpoch(world.State); err != nil || e.Epoch != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestALocalRestoreThatFailsLeavesTheOldState(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "kept")
	a := local(t, world, "")
	junk := filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&LocalRestore{Location: junk, Timeout: time.Minute}).Run(t.Context(), a.cfg, &out); err == nil {
		t.Errorf("junk was restored:\n%s", out.String())
	}
	// A restore that fails after etcd was stopped: nobody of that name is among the members.
	carryOut(t, a, planOf(t, 1, map[step.Kind]any{step.SaveSnapshot: step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent}}, step.SaveSnapshot))
	r := &LocalRestore{Location: held(t, a)[0].Location, InitialCluster: "other=" + world.Peer, Timeout: time.Minute}
	if err := r.Run(t.Context(), a.cfg, &out); err == nil {
		t.Errorf("it was restored:\n%s", out.String())
	}
	world.Want(t, "a", "kept")
	if busy, err := a.busy(); err != nil || busy {
		t.Errorf("busy %v, %v", busy, err)
	}
	if _, err := (&LocalRestore{Location: junk, InitialCluster: "m1=" + world.Peer + ",m2=http://127.0.0.1:1"}).Plan(t.Context(), a.cfg); err == nil {
		t.Error("several members need no token")
	}
}
