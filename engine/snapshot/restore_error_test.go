package snapshot_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func into(dir string) snapshot.RestoreConfig {
	return snapshot.RestoreConfig{Target: snapshot.Target{
		Name: "default", InitialCluster: "default=http://localhost:2380", InitialClusterToken: "t",
		PeerURLs: []string{"http://localhost:2380"}, DataDir: dir,
	}}
}

func TestARestoresErrorNamesItsPlaceOnce(t *testing.T) {
	store := localtest.New(t)
	data := payloads(t)["a.db"]
	if _, err := store.Put(t.Context(), "a.db", bytes.NewReader(data), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := store.Stat(t.Context(), "a.db")
	if err != nil {
		t.Fatal(err)
	}
	broken := faulty.New(remote{store}, faulty.NewScript(faulty.Fault{Op: faulty.Get, Times: -1, Do: faulty.Fail(nil)}))
	dir := filepath.Join(t.TempDir(), "data")
	cfg := into(dir)
	cfg.Source, cfg.SpoolDir = snapshot.StoreSource(broken, info), t.TempDir()
	_, err = snapshot.Restore(t.Context(), cfg)
	if !errors.Is(err, faulty.ErrInjected) || strings.Count(err.Error(), dir) != 1 {
		t.Errorf("got %v, want the place once", err)
	}
}

func TestASettingThatNoSnapshotCouldMeetIsRefusedWithoutOne(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if err := snapshot.CheckRestore(into(empty)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*snapshot.RestoreConfig)
		kind   problem.Kind
	}{
		"unknown member":  {func(c *snapshot.RestoreConfig) { c.Target.Name = "other" }, problem.Usage},
		"bump alone":      {func(c *snapshot.RestoreConfig) { c.BumpRevision = 5 }, problem.Usage},
		"unknown version": {func(c *snapshot.RestoreConfig) { c.EtcdVersion = "2.3" }, problem.Usage},
		"full directory":  {func(c *snapshot.RestoreConfig) { c.Target.DataDir = full }, problem.Refused},
	} {
		cfg := into(empty)
		c.change(&cfg)
		if err := snapshot.CheckRestore(cfg); problem.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
