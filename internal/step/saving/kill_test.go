package saving_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot/trial"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/saving"
)

// The test binary is its own etcd, and its own agent: one that can be killed in the middle of a save.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "agent" {
		var world etcdtest.Machine
		data, err := os.ReadFile(os.Args[2])
		if err == nil {
			err = json.Unmarshal(data, &world)
		}
		if err == nil {
			_, err = on(&world).Save(context.Background(), once(), quiet)
		}
		if err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return
	}
	etcdtest.Main(m)
}

func once() step.SaveSettings {
	return step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyRestore}
}

// on is the machine as the saving steps see it.
func on(m *etcdtest.Machine) *saving.Machine {
	log := slog.New(slog.DiscardHandler)
	return &saving.Machine{
		Driver: m.Driver(), Places: place.Places{Dir: filepath.Join(m.State, "snapshots"), Host: "n1", Log: log},
		Name: "m1", ClusterID: "c-abcde", Node: "n1", SpoolDir: m.State, Tool: "test", Now: time.Now, Log: log,
		Prover: trial.New(trial.Config{Command: etcdtest.Command(), Dir: m.State, Log: log}),
	}
}

func TestASaveThatIsKilledAnywhereEndsInOneSnapshotOfItsBackup(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "1")
	file := filepath.Join(t.TempDir(), "machine")
	data, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(1500*time.Millisecond))
		if out, err := exec.CommandContext(ctx, os.Args[0], "agent", file).CombinedOutput(); err != nil && ctx.Err() == nil {
			t.Fatalf("%v: %s", err, out)
		}
		cancel()
	}
	m := on(world)
	files, err := m.Save(t.Context(), once(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if files[0].State != v1alpha1.StateRestored {
		t.Errorf("it is %s", files[0].State)
	}
	own, err := m.Places.Local()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	entries, err := own.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, e := range entries {
		if e.State.Good() {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d good snapshots of one backup", good)
	}
}
