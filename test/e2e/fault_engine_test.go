package e2e

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
)

// engineCluster is the cluster id of what the tests save through the engine.
const engineCluster = "c-test"

// engineSave is what it takes to save from a live etcd into a store, for tests that want more than a command line
// gives: a store that fails on purpose, another time, a fixed name.
func engineSave(t *testing.T, e *server.Etcd, store blob.Store) snapshot.SaveConfig {
	t.Helper()
	return engineSaveFrom(t, etcdSettings(t, e), store, 5*time.Second)
}

func engineSaveFrom(t *testing.T, settings etcd.Config, store blob.Store, stall time.Duration) snapshot.SaveConfig {
	t.Helper()
	client := dialEtcd(t, settings)
	choice, err := etcd.Choose(inspect(t, client), etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := snapshot.SaveConfig{
		Store: store, ClusterID: engineCluster, Base: snapshot.NameManual, Node: "node1", Trigger: snapshot.TriggerManual,
		Encoding: snapshot.EncodingZstd, Verify: snapshot.LevelContent, SpoolDir: t.TempDir(),
		Tool: "test", Host: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, m := range choice.Candidates {
		cfg.Candidates = append(cfg.Candidates, snapshot.Candidate{
			Origin: snapshot.Origin{Endpoint: m.Endpoint, MemberName: m.Name, MemberID: etcd.FormatID(m.ID), Members: []snapshot.Member{}},
			Open: func(ctx context.Context) (snapshot.Stream, error) {
				return client.Snapshot(ctx, m, etcd.StreamConfig{StallTimeout: stall})
			},
		})
	}
	return cfg
}

func engineRepository(store blob.Store) *repository.Repository {
	return repository.Open(repository.Config{Store: store, Host: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// checkEntries wants every entry of a repository to be whole: what has a manifest must be as it says, and what has none
// must stand on its own.
func checkEntries(t *testing.T, store blob.Store) []repository.Entry {
	t.Helper()
	entries, err := engineRepository(store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.State == repository.StateDamaged || e.State == repository.StateSuspect {
			t.Errorf("%s is listed as %s: %s", e.File, e.State, e.Reason)
		}
		_, err := snapshot.Verify(t.Context(), snapshot.VerifyConfig{
			Source: snapshot.StoreSource(store, e.Info), Manifest: e.Manifest, Level: snapshot.LevelContent,
			SpoolDir: t.TempDir(), Now: time.Now,
		})
		if err != nil {
			t.Errorf("%s is listed as %s and is not whole: %v", e.File, e.State, err)
		}
	}
	return entries
}
