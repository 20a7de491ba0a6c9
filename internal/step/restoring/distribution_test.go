package restoring_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// kube is a Kubernetes distribution that consists of files, and of one that says that it runs. It changes them as
// carelessly as a driver may: in place, and piece by piece.
type kube struct {
	distro.Driver `json:"-"`
	// Dir holds the machine's files, State the agent's.
	Dir, State string
	// Snapshot that is restored.
	Snapshot string
}

func (k *kube) at(name string) string { return filepath.Join(k.Dir, name) }

var _ distro.Kubernetes = (*kube)(nil)

func (*kube) Shape() distro.Shape { return distro.InitNodeThenJoin }

func (*kube) Discover(context.Context) (*distro.Installation, error) {
	return &distro.Installation{DistroVersion: "v1.36.3+k3s1", Distribution: &v1alpha1.DistributionStatus{NodeName: "n1"}}, nil
}

func (k *kube) Belongings(context.Context) ([]distro.Belonging, error) {
	all := []distro.Belonging{{Path: k.at("db/etcd")}, {Path: k.at("db/reset-flag")}, {Path: k.at("tls")}}
	for _, name := range []string{"token", "manifests", "config.yaml", "config.yaml.d", "k3s"} {
		all = append(all, distro.Belonging{Path: k.at(name), Copy: true})
	}
	return all, nil
}

// scrawl writes into a file in place, so slowly that one can die meanwhile.
func (k *kube) scrawl(name, line string) error {
	if err := os.MkdirAll(filepath.Dir(k.at(name)), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(k.at(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	for range 20 {
		_, err = f.WriteString(line)
		if err = errors.Join(err, f.Sync()); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

func (k *kube) Restore(_ context.Context, cfg distro.RestoreConfig) (*distro.Restored, error) {
	token, err := os.ReadFile(cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(cfg.TokenFile); err != nil || info.Mode().Perm() != 0o600 {
		return nil, fmt.Errorf("the token's file: %v, %w", info.Mode(), err)
	}
	if err := k.scrawl("token", string(token)); err != nil { // as a reset does, before it tries the token
		return nil, err
	}
	return &distro.Restored{Revision: 7}, errors.Join(k.scrawl("db/etcd/member/snap/db", "restored"), k.scrawl("tls/ca.crt", "restored"), k.scrawl("db/reset-flag", ""))
}

func (*kube) Abandon(context.Context, string) error { return nil }

func (k *kube) Install(_ context.Context, version string) error {
	return errors.Join(k.scrawl("k3s", version), k.scrawl("manifests/"+version+".yaml", "of a version"))
}

func (*kube) Installable(_ context.Context, version string) error {
	if version == "v9" {
		return fmt.Errorf("%w: %s", distro.ErrNoArtifact, version)
	}
	return nil
}

func (k *kube) Configure(_ context.Context, config json.RawMessage, secrets map[string]string) error {
	if err := os.RemoveAll(k.at("config.yaml.d")); err != nil {
		return err
	}
	return k.scrawl("config.yaml", string(config)+secrets["token"])
}

func (*kube) Configurable(context.Context, json.RawMessage, map[string]string) ([]string, error) {
	return nil, nil
}

func (k *kube) Point(_ context.Context, j distro.Joining) error {
	return k.scrawl("config.yaml.d/holdfast.yaml", "server: "+j.Server)
}

func (k *kube) Forget(context.Context, []string) error { return nil }

func (k *kube) Ready(context.Context) error {
	if _, err := os.Stat(k.at("db/etcd/member/snap/db")); err != nil {
		return errors.New("the API server does not answer")
	}
	return nil
}

func (k *kube) is(name string) (bool, error) {
	_, err := os.Stat(filepath.Join(k.State, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (k *kube) set(name string) error { return os.WriteFile(filepath.Join(k.State, name), nil, 0o600) }
func (k *kube) clear(name string) error {
	return os.RemoveAll(filepath.Join(k.State, name))
}

func (k *kube) Running(context.Context) (bool, error) { return k.is("running") }
func (k *kube) Stop(context.Context) error            { return k.clear("running") }
func (k *kube) Start(context.Context) error           { return k.set("running") }
func (k *kube) Fence(context.Context) error           { return k.set("fence") }
func (k *kube) Unfence(context.Context) error         { return k.clear("fence") }
func (k *kube) Fenced() (bool, error)                 { return k.is("fence") }

func (*kube) CheckRestore(_ context.Context, cfg distro.RestoreConfig) []distro.Check {
	token, err := os.ReadFile(cfg.TokenFile)
	if err == nil && strings.TrimSpace(string(token)) != secretToken {
		err = errors.New("it is sealed with another token")
	}
	return []distro.Check{{Name: "TokenMatches", Err: err, Message: "the token is the snapshot's"}}
}

const secretToken = "K10feed::server:hunter2hunter2"

// vault gives out one token.
type vault struct{ token string }

// Remember implements restoring.Secrets.
func (vault) Remember(*escrow.Content) {}

func (v vault) Given(_ context.Context, op v1alpha1.PlanOperation) (restoring.Given, error) {
	if op.SecretName != "sealed" {
		return restoring.Given{}, fmt.Errorf("no Secret %q", op.SecretName)
	}
	return restoring.Given{Token: v.token}, nil
}

func (k *kube) runner(token string, report func([]v1alpha1.PlanResult)) (*step.Runner, error) {
	log := slog.New(slog.DiscardHandler)
	j, err := step.Open(filepath.Join(k.State, "journal"))
	if err != nil {
		return nil, err
	}
	m := &restoring.Machine{
		Driver: k, Places: place.Places{Dir: filepath.Join(k.State, "snapshots"), Host: "n1", Log: log}, Name: "m1",
		StateDir: k.State, SpoolDir: k.State, SecretDir: filepath.Join(k.State, "given"), Secrets: vault{token}, Now: time.Now, Log: log,
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

// kubeAgent runs a plan on a machine, both given as files.
func kubeAgent(machineFile, planFile string) error {
	var k kube
	var plan v1alpha1.MachinePlanSpec
	if err := errors.Join(load(machineFile, &k), load(planFile, &plan)); err != nil {
		return err
	}
	r, err := k.runner(secretToken, nil)
	if err != nil {
		return err
	}
	return r.Run(context.Background(), plan)
}

func newKube(t *testing.T) *kube {
	t.Helper()
	return newKubeOf(t, newScene(t).location)
}

// newKubeOf makes a machine that runs, for a snapshot that lies on it.
func newKubeOf(t *testing.T, location string) *kube {
	t.Helper()
	k := &kube{Dir: t.TempDir(), State: t.TempDir(), Snapshot: location}
	for name, content := range map[string]string{
		"db/etcd/member/snap/db": "old", "db/etcd/name": "n1-0a1b2c3d", "tls/ca.crt": "old", "token": "old", "manifests/coredns.yaml": "old",
		"config.yaml": "old", "config.yaml.d/a.yaml": "old", "k3s": "old", "untouched": "old", "db/snapshots/one": "old",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(k.at(name)), 0o755), os.WriteFile(k.at(name), []byte(content), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(k.at("k3s"), 0o755), k.set("running")); err != nil {
		t.Fatal(err)
	}
	return k
}

// plan of a restore of version, configuration and data, up to the commit.
func (k *kube) plan(t *testing.T, serial int64, undo bool) v1alpha1.MachinePlanSpec {
	t.Helper()
	plan := v1alpha1.MachinePlanSpec{
		Serial: serial, Undo: undo, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1", SecretName: "sealed"},
	}
	c := step.Copy{Location: k.Snapshot}
	for _, one := range []struct {
		kind     step.Kind
		settings any
	}{
		{step.Preflight, step.PreflightSettings{Copy: c, Restores: true, Installs: "v1", Configures: json.RawMessage(`{"a":"b"}`)}},
		{step.FetchSnapshot, step.FetchSettings{Copy: c}}, {step.Fence, nil}, {step.StopDistro, nil}, {step.MoveAside, nil},
		{step.InstallDistro, step.InstallSettings{Version: "v1"}}, {step.WriteConfig, step.ConfigSettings{Config: json.RawMessage(`{"a":"b"}`)}},
		{step.PointServer, step.PointSettings{Server: "https://a:6443"}}, {step.RestoreEtcd, step.RestoreSettings{}}, {step.StartDistro, nil},
		{step.WaitHealthy, step.HealthySettings{Serves: true}},
	} {
		st := v1alpha1.PlanStep{ID: string(one.kind), Kind: string(one.kind), Deadline: metav1.NewTime(time.Now().Add(time.Minute))}
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

func (k *kube) run(t *testing.T, token string, plan v1alpha1.MachinePlanSpec) []v1alpha1.PlanResult {
	t.Helper()
	var results []v1alpha1.PlanResult
	r, err := k.runner(token, func(r []v1alpha1.PlanResult) { results = r })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	return results
}

func wantAll(t *testing.T, results []v1alpha1.PlanResult, want v1alpha1.StepOutcome) {
	t.Helper()
	for _, r := range results {
		if r.Outcome != want {
			t.Errorf("%s is %s: %s", r.ID, r.Outcome, r.Message)
		}
	}
}

// wantNoSecret: nothing that the agent keeps holds what it was given.
func (k *kube) wantNoSecret(t *testing.T) {
	t.Helper()
	for name, content := range restoring.Listing(k.State) {
		if strings.Contains(content, "hunter2") || strings.HasPrefix(name, "given/") {
			t.Errorf("%s: %s", name, content)
		}
	}
}

func (k *kube) runAndKill(t *testing.T, plan v1alpha1.MachinePlanSpec, after time.Duration) {
	t.Helper()
	args := []string{"kube-agent"}
	for i, v := range []any{k, plan} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	if out, err := exec.CommandContext(ctx, os.Args[0], args...).CombinedOutput(); err != nil && ctx.Err() == nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestARestoreOfADistributionCanBeTakenBackAsAWhole(t *testing.T) {
	k := newKube(t)
	before := restoring.Listing(k.Dir)
	results := k.run(t, secretToken, k.plan(t, 1, false))
	wantAll(t, results, v1alpha1.StepDone)
	k.wantNoSecret(t)
	var pre step.PreflightEvidence
	if err := json.Unmarshal(results[0].Evidence.Raw, &pre); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range pre.Checks {
		names = append(names, c.Check)
		if c.Outcome == "Failed" {
			t.Errorf("%+v", c)
		}
	}
	want := []string{"EtcdInstalled", "SnapshotReadable", "SnapshotChecked", "TokenMatches", "DiskSpace", "ArtifactPresent", "ConfigComplete", "ConfigChanges"}
	if names = slices.DeleteFunc(names, func(n string) bool { return n == "Changes" }); !slices.Equal(want, names) {
		t.Error(cmp.Diff(want, names))
	}
	after := restoring.Listing(k.Dir)
	for _, name := range []string{"token", "k3s", "config.yaml", "db/etcd/member/snap/db"} {
		if after[name] == before[name] {
			t.Errorf("%s is as it was", name)
		}
	}
	wantAll(t, k.run(t, secretToken, k.plan(t, 2, true)), v1alpha1.StepUndone)
	k.wantBack(t, before)
}

// wantBack: all is as it was, but for what was made in the place of data that was moved.
func (k *kube) wantBack(t *testing.T, before map[string]string) {
	t.Helper()
	after := restoring.Listing(k.Dir)
	maps.DeleteFunc(after, func(name, _ string) bool { return strings.Contains(name, "-undone") })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if running, err := k.is("running"); err != nil || !running {
		t.Errorf("running %v, %v", running, err)
	}
	k.wantNoSecret(t)
}

// kubeRun is how long the whole plan takes here, about.
const kubeRun = 1500 * time.Millisecond

func TestAnAgentKilledAnywhereInARestoreOfADistributionFinishesIt(t *testing.T) {
	location := newScene(t).location
	for range rounds(t) {
		k := newKubeOf(t, location)
		plan := k.plan(t, 1, false)
		for range 4 {
			k.runAndKill(t, plan, rand.N(kubeRun))
		}
		wantAll(t, k.run(t, secretToken, plan), v1alpha1.StepDone)
		k.wantNoSecret(t)
		if err := k.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestAnAgentKilledAnywhereInARestoreOfADistributionOrItsUndoLeavesAllAsItWas(t *testing.T) {
	location := newScene(t).location
	for range 2 * rounds(t) {
		k := newKubeOf(t, location)
		before := restoring.Listing(k.Dir)
		k.runAndKill(t, k.plan(t, 1, false), rand.N(kubeRun))
		undo := k.plan(t, 2, true)
		for range 3 {
			k.runAndKill(t, undo, rand.N(kubeRun/4))
		}
		wantAll(t, k.run(t, secretToken, undo), v1alpha1.StepUndone)
		k.wantBack(t, before)
	}
}

func TestASnapshotThatTheTokenDoesNotOpenIsRefusedBeforeAnythingIsStopped(t *testing.T) {
	k := newKube(t)
	before := restoring.Listing(k.Dir)
	results := k.run(t, "another", k.plan(t, 1, false))
	if last := results[len(results)-1]; last.ID != string(step.FetchSnapshot) || last.Message != "it is sealed with another token" {
		t.Errorf("%s: %s", last.ID, last.Message)
	}
	k.wantBack(t, before)
}

func TestAVersionThatCannotBeInstalledIsRefusedBeforeItsStepBegins(t *testing.T) {
	k := newKube(t)
	before := restoring.Listing(k.Dir)
	plan := k.plan(t, 1, false)
	plan.Steps[5].Settings = &runtime.RawExtension{Raw: []byte(`{"version":"v9"}`)}
	results := k.run(t, secretToken, plan)
	if last := results[len(results)-1]; last.ID != string(step.InstallDistro) || !strings.Contains(last.Message, distro.ErrNoArtifact.Error()) {
		t.Errorf("%s: %s", last.ID, last.Message)
	}
	k.run(t, secretToken, k.plan(t, 2, true))
	k.wantBack(t, before)
}

func TestTheFilesOfADistributionAreNotChangedBeforeTheyCanComeBack(t *testing.T) {
	k := newKube(t)
	before := restoring.Listing(k.Dir)
	for i, kind := range []step.Kind{step.InstallDistro, step.WriteConfig, step.PointServer} {
		plan := k.plan(t, int64(i+1), false)
		plan.Operation.UID = "u-" + strings.ToLower(string(kind))
		plan.Steps = slices.DeleteFunc(plan.Steps, func(s v1alpha1.PlanStep) bool { return s.Kind != string(kind) })
		if results := k.run(t, secretToken, plan); results[0].Outcome != v1alpha1.StepFailed || !strings.Contains(results[0].Message, "moved aside") {
			t.Errorf("%s is %s: %s", kind, results[0].Outcome, results[0].Message)
		}
	}
	k.wantBack(t, before)
}

func TestAPlainEtcdHasNoDistributionToChange(t *testing.T) {
	s := newScene(t)
	plan := s.plan(t, 1, false)
	plan.Steps = []v1alpha1.PlanStep{{ID: "p", Kind: string(step.PointServer), Deadline: metav1.NewTime(time.Now().Add(time.Minute))}}
	results := s.run(t, plan, v1alpha1.StepFailed)
	if !strings.Contains(results[0].Message, "plain etcd") {
		t.Error(results[0].Message)
	}
}
