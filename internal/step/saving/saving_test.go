package saving_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/saving"
)

func quiet(string, string) {}

// do makes a step of the settings and does it.
func do(t *testing.T, m *saving.Machine, kind step.Kind, settings any) (any, error) {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Make(step.Request{Kind: kind, Settings: raw})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		return nil, err
	}
	return s.Do(t.Context(), quiet)
}

func TestASnapshotIsTakenOnceProvedFoundDamagedAndDeleted(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "1")
	m := on(world)
	settings := step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent}
	first := save(t, m, settings)
	if len(first) != 1 || first[0].State != v1alpha1.StateChecked || first[0].Backup != "b1" || first[0].Revision != 2 {
		t.Fatalf("saved %+v", first)
	}
	world.Put(t, "a", "2")
	settings.Verify = v1alpha1.VerifyRestore
	again := save(t, m, settings)
	if again[0].Location != first[0].Location || again[0].Revision != 2 {
		t.Fatalf("the same backup was taken twice: %+v", again)
	}
	if again[0].State != v1alpha1.StateRestored {
		t.Errorf("the trial that was asked for later was not made: %+v", again[0])
	}
	location := first[0].Location
	if r := task(t, m, step.VerifySnapshot, step.VerifySettings{Locations: []string{location, "/etc/passwd"}, Level: v1alpha1.VerifyContent}); r[0].Outcome != "passed" || r[1].Outcome != "failed" {
		t.Fatalf("verified: %+v", r)
	}
	flip(t, location)
	if r := task(t, m, step.VerifySnapshot, step.VerifySettings{Locations: []string{location}, Level: v1alpha1.VerifyContent}); r[0].Outcome != "failed" {
		t.Errorf("the damage was not found: %+v", r)
	}
	for range 2 { // the second finds it gone
		if r := task(t, m, step.DeleteSnapshot, step.DeleteSettings{Locations: []string{location}}); r[0].Outcome != "passed" {
			t.Errorf("deleted: %+v", r)
		}
	}
	if _, err := os.Stat(location); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func save(t *testing.T, m *saving.Machine, settings step.SaveSettings) []v1alpha1.SnapshotFile {
	t.Helper()
	evidence, err := do(t, m, step.SaveSnapshot, settings)
	if err != nil {
		t.Fatal(err)
	}
	return evidence.(step.SaveEvidence).Files
}

func task(t *testing.T, m *saving.Machine, kind step.Kind, settings any) []v1alpha1.TaskResult {
	t.Helper()
	evidence, err := do(t, m, kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	return evidence.(step.TaskEvidence).Results
}

func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASaveThatCantSucceedIsRefusedBeforeItBegins(t *testing.T) {
	m := on(etcdtest.New(t))
	for name, settings := range map[string]step.SaveSettings{
		"no target":    {Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: "content", S3: true},
		"bad name":     {Base: "../x", Trigger: "manual", Backup: "b1", Verify: "content"},
		"no backup":    {Base: "on-demand", Trigger: "manual", Verify: "content"},
		"no level":     {Base: "on-demand", Trigger: "manual", Backup: "b1"},
		"etcd is down": {Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: "content"},
	} {
		if _, err := do(t, m, step.SaveSnapshot, settings); err == nil {
			t.Errorf("%s: it was done", name)
		}
	}
}
