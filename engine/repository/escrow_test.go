package repository_test

import (
	"errors"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func TestAnEscrowBelongsToOneUploadAndGoesWithItsSnapshot(t *testing.T) {
	s := localtest.New(t)
	store(t, s, "etcd-snapshot-n-1652288935.db", snapshot.Schema)
	repo := open(s, time.Now)
	list, err := repo.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Escrow {
		t.Fatalf("%+v, %v", list, err)
	}
	m := list[0].Manifest
	if _, err := repo.Escrow(t.Context(), m); !errors.Is(err, repository.ErrNoEscrow) {
		t.Errorf("before: %v", err)
	}
	if err := repo.PutEscrow(t.Context(), m, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	other := *m
	other.UploadID = snapshot.NewUploadID()
	if _, err := repo.Escrow(t.Context(), &other); !errors.Is(err, repository.ErrNoEscrow) {
		t.Errorf("of another upload: %v", err)
	}
	if got, err := repo.Escrow(t.Context(), m); err != nil || string(got) != "sealed" {
		t.Errorf("%q, %v", got, err)
	}
	list, err = repo.List(t.Context())
	if err != nil || len(list) != 1 || !list[0].Escrow {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := repo.Delete(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Escrow(t.Context(), m); !errors.Is(err, repository.ErrNoEscrow) {
		t.Errorf("after: %v", err)
	}
}

func TestAnEscrowThatHasOutlivedItsSnapshotIsSwept(t *testing.T) {
	s := localtest.New(t)
	store(t, s, "etcd-snapshot-n-1652288935.db", snapshot.Schema)
	now := time.Now()
	repo := open(s, func() time.Time { return now })
	list, err := repo.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	if err := repo.PutEscrow(t.Context(), list[0].Manifest, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), list[0].File); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 0}, {48 * time.Hour, 2}} {
		now = time.Now().Add(test.after)
		pruned, err := repo.Prune(t.Context(), repository.PruneConfig{Policy: repository.Policy{Keep: 1}})
		if err != nil || pruned.Manifests != test.want {
			t.Errorf("after %s: %d removed, want %d; %v", test.after, pruned.Manifests, test.want, err)
		}
	}
	if _, err := repo.Escrow(t.Context(), list[0].Manifest); !errors.Is(err, repository.ErrNoEscrow) {
		t.Error(err)
	}
}

func TestAnEscrowOfAnAdoptedSnapshotBelongsToItsContent(t *testing.T) {
	s := localtest.New(t)
	tested(t, s, snapshot.OutcomePassed)
	repo := open(s, time.Now)
	entry := func() *repository.Entry {
		t.Helper()
		list, err := repo.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return &list[0]
	}
	if e := entry(); repository.EscrowID(e) != "" {
		t.Errorf("nobody knows its content, and an escrow would be bound to %s", repository.EscrowID(e))
	}
	record := func(hash uint32) {
		t.Helper()
		shown := &snapshot.Verified{
			Database: snapshot.Database{Revision: 7, HashKV: &hash},
			Evidence: []snapshot.Evidence{{Level: snapshot.LevelContent, Outcome: snapshot.OutcomePassed, At: time.Now().UTC()}},
		}
		if err := repo.RecordForeign(t.Context(), entry(), shown); err != nil {
			t.Fatal(err)
		}
	}
	record(1)
	if err := repo.PutEscrowOf(t.Context(), entry(), []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	e := entry()
	if got, err := repo.EscrowOf(t.Context(), e); err != nil || string(got) != "sealed" || !e.Escrow {
		t.Errorf("%q, %v, %v", got, e.Escrow, err)
	}
	record(2) // other content under the same name
	if _, err := repo.EscrowOf(t.Context(), entry()); !errors.Is(err, repository.ErrNoEscrow) || entry().Escrow {
		t.Errorf("of other content: %v", err)
	}
	record(1)
	if err := repo.Delete(t.Context(), *entry()); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.EscrowOf(t.Context(), e); !errors.Is(err, repository.ErrNoEscrow) {
		t.Errorf("after: %v", err)
	}
}
