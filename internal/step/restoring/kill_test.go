package restoring_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// The test binary is its own etcd, and its own agent: one that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "agent" {
		if err := agent(os.Args[2], os.Args[3]); err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "kube-agent" {
		if err := kubeAgent(os.Args[2], os.Args[3]); err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == restoring.RemoveAside {
		if err := restoring.RunRemoval(os.Args[2]); err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return
	}
	etcdtest.Main(m)
}

// agent runs a plan on a machine, both given as files.
func agent(machineFile, planFile string) error {
	var world etcdtest.Machine
	var plan v1alpha1.MachinePlanSpec
	if err := errors.Join(load(machineFile, &world), load(planFile, &plan)); err != nil {
		return err
	}
	r, err := runner(&world, nil)
	if err != nil {
		return err
	}
	return r.Run(context.Background(), plan)
}

func load(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func runner(world *etcdtest.Machine, report func([]v1alpha1.PlanResult)) (*step.Runner, error) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	j, err := step.Open(filepath.Join(world.State, "journal"))
	if err != nil {
		return nil, err
	}
	m := &restoring.Machine{
		Driver: world.Driver(), Places: place.Places{Dir: filepath.Join(world.State, "snapshots"), Host: "n1", Log: log},
		Name: "m1", StateDir: world.State, SpoolDir: world.State, Now: time.Now, Log: log,
	}
	return step.NewRunner(step.RunnerConfig{
		Journal: j, Make: m.Make, Now: time.Now, Log: log,
		Report: func(_ int64, results []v1alpha1.PlanResult) {
			if report != nil {
				report(results)
			}
		},
	}), nil
}

// scene is a machine whose etcd holds newer data than its snapshot does.
type scene struct {
	*etcdtest.Machine
	location string
	dir      string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Machine: etcdtest.New(t), dir: t.TempDir()}
	s.Start(t)
	s.Put(t, "a", "old")
	store, err := local.New(local.Config{Dir: filepath.Join(s.State, "snapshots"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Driver().Save(t.Context(), distro.SaveConfig{
		Store: store, ClusterID: "c-abcde", Base: "on-demand", Node: "n1", Trigger: snapshot.TriggerManual, Encoding: snapshot.EncodingRaw,
		Verify: snapshot.LevelContent, SpoolDir: s.State, Tool: "test", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.location = filepath.Join(s.State, "snapshots", m.File)
	s.Put(t, "a", "new")
	return s
}

// plan restores the snapshot.
func (s *scene) plan(t *testing.T, serial int64, undo bool) v1alpha1.MachinePlanSpec {
	t.Helper()
	c := step.Copy{Location: s.location, Machine: "m1"}
	plan := v1alpha1.MachinePlanSpec{Serial: serial, Undo: undo, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1"}}
	for _, one := range []struct {
		kind     step.Kind
		settings any
	}{
		{step.Preflight, step.PreflightSettings{Copy: c, Restores: true}},
		{step.FetchSnapshot, step.FetchSettings{Copy: c}},
		{step.Fence, nil}, {step.StopDistro, nil}, {step.MoveAside, nil},
		{step.RestoreEtcd, step.RestoreSettings{Member: "m1", InitialCluster: "m1=" + s.Peer, InitialClusterToken: "new", PeerURLs: []string{s.Peer}, BumpRevision: 1000}},
		{step.StartDistro, nil},
		{step.WaitHealthy, step.HealthySettings{Members: []string{"m1"}, Revision: 1002}},
		{step.Commit, step.CommitSettings{Epoch: 1}},
	} {
		if undo && one.kind == step.Commit {
			continue
		}
		st := v1alpha1.PlanStep{ID: string(one.kind), Kind: string(one.kind), Deadline: metav1.NewTime(time.Now().Add(5 * time.Minute))}
		if one.settings != nil {
			raw, err := json.Marshal(one.settings)
			if err != nil {
				t.Fatal(err)
			}
			st.Settings = &runtime.RawExtension{Raw: raw}
		}
		plan.Steps = append(plan.Steps, st)
	}
	return plan
}

// run carries a plan out in this process, and wants all its steps to end as given.
func (s *scene) run(t *testing.T, plan v1alpha1.MachinePlanSpec, want v1alpha1.StepOutcome) []v1alpha1.PlanResult {
	t.Helper()
	var results []v1alpha1.PlanResult
	r, err := runner(s.Machine, func(r []v1alpha1.PlanResult) { results = r })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Outcome != want {
			t.Fatalf("%s is %s, not %s: %s", r.ID, r.Outcome, want, r.Message)
		}
	}
	return results
}

// runAndKill carries a plan out in an agent of its own, which is killed after a while.
func (s *scene) runAndKill(t *testing.T, plan v1alpha1.MachinePlanSpec, after time.Duration) {
	t.Helper()
	args := []string{"agent"}
	for name, v := range map[string]any{"1-machine": s.Machine, "2-plan": plan} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append(args, filepath.Join(s.dir, "1-machine"), filepath.Join(s.dir, "2-plan"))
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	if out, err := exec.CommandContext(ctx, os.Args[0], args...).CombinedOutput(); err != nil && ctx.Err() == nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestARestoreBringsTheSnapshotBackAndKeepsTheOldData(t *testing.T) {
	s := newScene(t)
	results := s.run(t, s.plan(t, 1, false), v1alpha1.StepDone)
	s.Want(t, "a", "old")
	var pre step.PreflightEvidence
	if err := json.Unmarshal(results[0].Evidence.Raw, &pre); err != nil {
		t.Fatal(err)
	}
	for _, c := range pre.Checks {
		if c.Outcome == "Failed" {
			t.Errorf("preflight: %+v", c)
		}
	}
	var done step.CommitEvidence
	if err := json.Unmarshal(results[len(results)-1].Evidence.Raw, &done); err != nil {
		t.Fatal(err)
	}
	if len(done.Aside) != 1 {
		t.Fatalf("aside: %v", done.Aside)
	}
	if _, err := os.Stat(filepath.Join(done.Aside[0], "member", "snap", "db")); err != nil {
		t.Error(err)
	}
	if e, err := restoring.ReadEpoch(s.State); err != nil || e.Epoch != 1 {
		t.Errorf("epoch %+v, %v", e, err)
	}
	s.wantKept(t, done.Aside...)
	// After the commit point nothing goes back.
	undo := s.plan(t, 2, true)
	r, err := runner(s.Machine, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	s.Want(t, "a", "old")
}

// wantKept wants what was moved aside to be written down, or nothing.
func (s *scene) wantKept(t *testing.T, places ...string) {
	t.Helper()
	kept, err := restoring.ListKept(s.State)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kept {
		got = append(got, k.Places...)
	}
	if diff := cmp.Diff(places, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("kept: %s", diff)
	}
}

// rounds of a test that kills: HOLDFAST_ROUNDS says how many.
func rounds(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_ROUNDS")); err == nil {
		return n
	}
	if testing.Short() {
		return 1
	}
	return 4
}

// fullRun is how long a whole restore takes here, about: kills fall into that time.
const fullRun = 3 * time.Second

func TestAnAgentKilledAnywhereInARestoreFinishesIt(t *testing.T) {
	for range rounds(t) {
		s := newScene(t)
		plan := s.plan(t, 1, false)
		for range 3 {
			s.runAndKill(t, plan, rand.N(fullRun))
		}
		s.run(t, plan, v1alpha1.StepDone)
		s.Want(t, "a", "old")
		s.wantKept(t, s.Data+".holdfast-u1")
	}
}

func TestAnAgentKilledAnywhereInARestoreOrItsUndoBringsTheOldStateBack(t *testing.T) {
	for range rounds(t) {
		s := newScene(t)
		plan := s.plan(t, 1, false)
		plan.Steps = plan.Steps[:len(plan.Steps)-1] // not committed
		s.runAndKill(t, plan, rand.N(fullRun))
		undo := s.plan(t, 2, true)
		for range 2 {
			s.runAndKill(t, undo, rand.N(fullRun/3))
		}
		s.run(t, undo, v1alpha1.StepUndone)
		s.Want(t, "a", "new")
		s.wantKept(t)
		if fenced, err := s.Driver().Fenced(); err != nil || fenced {
			t.Errorf("fenced %v, %v", fenced, err)
		}
	}
}
