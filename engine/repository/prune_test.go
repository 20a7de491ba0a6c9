package repository_test

import (
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func open(s blob.Store, now func() time.Time) *repository.Repository {
	return repository.Open(repository.Config{Store: s, Now: now, Log: slog.New(slog.DiscardHandler)})
}

func TestASnapshotIsDeletedByItsWholeNameOnly(t *testing.T) {
	s := localtest.New(t)
	put(t, s, "snap10.db", like())
	put(t, s, "other.db", like())
	repo := open(s, time.Now)
	if found, err := repo.FindWhole(t.Context(), []string{"snap1"}); problem.KindOf(err) != problem.NotFound {
		t.Errorf("snap1 is %v, %v", found, err)
	}
	found, err := repo.FindWhole(t.Context(), []string{"snap10", "other.db", "snap10.db"})
	if err != nil || len(found) != 2 || found[0].File != "snap10.db" || found[1].File != "other.db" {
		t.Errorf("found %v, %v", found, err)
	}
	if e, err := repo.Find(t.Context(), "snap1"); err != nil || e.File != "snap10.db" {
		t.Errorf("to look at, the beginning is not enough: %v", err)
	}
}

// What a newer version wrote is shown, and left to it: its payloads may lie elsewhere, or others may build on them.
func TestWhatANewerVersionWroteIsNeverDeleted(t *testing.T) {
	s := localtest.New(t)
	const newer = "holdfast.dev/manifest/v2"
	store(t, s, "etcd-snapshot-n-1652288935.db", newer)
	store(t, s, "etcd-snapshot-n-1652288936.segment", newer)
	store(t, s, "etcd-snapshot-n-1652288937.db", snapshot.Schema)
	for _, gone := range []string{"etcd-snapshot-n-1652288936.segment", "etcd-snapshot-n-1652288937.db"} {
		if err := s.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
	}
	repo := open(s, func() time.Time { return time.Now().Add(48 * time.Hour) })
	list, err := repo.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	if err := repo.Delete(t.Context(), list[0]); problem.KindOf(err) != problem.Refused {
		t.Errorf("its deletion: %v", err)
	}
	pruned, err := repo.Prune(t.Context(), repository.PruneConfig{Policy: repository.Policy{Keep: 1, KeepManual: 1, Foreign: true}})
	if err != nil || pruned.Manifests != 1 || len(repository.Deletions(pruned.Verdicts)) > 0 {
		t.Errorf("%d outlived manifests were removed, %v", pruned.Manifests, err)
	}
	var left []string
	if err := s.List(t.Context(), "", func(info blob.Info) error {
		left = append(left, info.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		snapshot.ManifestName("etcd-snapshot-n-1652288935.db", "0123456789abcdef"),
		snapshot.ManifestName("etcd-snapshot-n-1652288936.segment", "0123456789abcdef"),
		"etcd-snapshot-n-1652288935.db",
	}
	if !slices.Equal(left, want) {
		t.Errorf("left are %v", left)
	}
}

// Hundreds of snapshots that k3s left behind are not all read to find out which five may stay.
func TestAPruneReadsNoMoreForeignSnapshotsThanItKeeps(t *testing.T) {
	s := localtest.New(t)
	names := []string{
		"etcd-snapshot-n-1652288934", "etcd-snapshot-n-1652292534", "etcd-snapshot-n-1652296134", "etcd-snapshot-n-1652299734",
	}
	for _, name := range names {
		put(t, s, name, like()) // which is damaged, and does not count, unless a test has shown otherwise
	}
	list, err := listing(t, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{names[1], names[3]} {
		e := list[name]
		shown := &snapshot.Verified{Evidence: []snapshot.Evidence{{Level: snapshot.LevelChecksum, Outcome: snapshot.OutcomePassed}}}
		if err := open(s, time.Now).RecordForeign(t.Context(), &e, shown); err != nil {
			t.Fatal(err)
		}
	}
	script := faulty.NewScript(
		// A listing looks at its beginning, and that is all.
		faulty.Fault{Op: faulty.Get, Name: names[0], Skip: 1, Times: -1, Do: faulty.Fail(io.ErrClosedPipe)},
	)
	pruned, err := open(faulty.New(s, script), time.Now).Prune(t.Context(), repository.PruneConfig{
		Policy: repository.Policy{Keep: 2, Foreign: true}, SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, e := range repository.Deletions(pruned.Verdicts) {
		gone = append(gone, e.File)
	}
	if !slices.Equal(gone, names[:1]) || len(pruned.Failed) > 0 {
		t.Errorf("deleted %v, failed %v", gone, pruned.Failed)
	}
	if len(script.Unmet()) != 1 {
		t.Error("the one that had to go was read")
	}
}
