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
