package repository_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

const k3sFile = "etcd-snapshot-n-1652288936"

// tested adopts a snapshot and records one test of it.
func tested(t *testing.T, s blob.Store, outcome snapshot.Outcome) {
	t.Helper()
	put(t, s, k3sFile, like())
	list, err := listing(t, s)
	if err != nil {
		t.Fatal(err)
	}
	e := list[k3sFile]
	shown := &snapshot.Verified{Evidence: []snapshot.Evidence{{Level: snapshot.LevelContent, Outcome: outcome, Reason: "why", At: time.Now().UTC()}}}
	if err := open(s, time.Now).RecordForeign(t.Context(), &e, shown); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t *testing.T, s blob.Store) repository.State {
	t.Helper()
	list, err := listing(t, s)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	return list[k3sFile].State
}

func TestAnAdoptedSnapshotKeepsWhatATestHasShown(t *testing.T) {
	for outcome, want := range map[snapshot.Outcome]repository.State{
		snapshot.OutcomePassed: repository.StateChecked,
		snapshot.OutcomeFailed: repository.StateDamaged,
	} {
		s := localtest.New(t)
		tested(t, s, outcome)
		list, err := listing(t, s)
		if e := list[k3sFile]; err != nil || e.State != want || e.Maker != repository.MakerK3s || e.Manifest != nil {
			t.Errorf("%s: %s by %s, %v", outcome, e.State, e.Maker, err)
		}
	}
}

func TestWhatATestHasShownIsForgottenWithTheBytesThatItRead(t *testing.T) {
	s := localtest.New(t)
	tested(t, s, snapshot.OutcomePassed)
	other := like()
	other[100] ^= 1
	put(t, s, k3sFile, other)
	if got := stateOf(t, s); got != repository.StateUnverified {
		t.Errorf("after it was replaced: %s", got)
	}
}

func TestARecordOfTestsWithAFlippedByteIsNone(t *testing.T) {
	s := localtest.New(t)
	tested(t, s, snapshot.OutcomePassed)
	name := records(t, s)[0]
	body, err := s.Get(t.Context(), name, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	put(t, s, name, bytes.Replace(data, []byte("content"), []byte("restore"), 1))
	if got := stateOf(t, s); got != repository.StateUnverified {
		t.Errorf("got %s", got)
	}
}

func records(t *testing.T, s blob.Store) []string {
	t.Helper()
	var names []string
	if err := s.List(t.Context(), snapshot.MetadataDir+"/", func(info blob.Info) error {
		if strings.Contains(info.Name, k3sFile) {
			names = append(names, info.Name)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestARecordOfTestsGoesWithItsSnapshot(t *testing.T) {
	s := localtest.New(t)
	tested(t, s, snapshot.OutcomePassed)
	if len(records(t, s)) != 1 {
		t.Fatal("there is no record")
	}
	list, err := listing(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(s, time.Now).Delete(t.Context(), list[k3sFile]); err != nil {
		t.Fatal(err)
	}
	if left := records(t, s); len(left) != 0 {
		t.Errorf("left: %s", left)
	}
}

func TestPruneRemovesRecordsOfTestsThatHaveOutlivedTheirSnapshot(t *testing.T) {
	s := localtest.New(t)
	tested(t, s, snapshot.OutcomePassed)
	if err := s.Delete(t.Context(), k3sFile); err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	p, err := open(s, later).Prune(t.Context(), repository.PruneConfig{Policy: repository.Policy{Keep: 1}})
	if err != nil || p.Manifests != 1 || len(records(t, s)) != 0 {
		t.Errorf("%+v, %v, left %s", p, err, records(t, s))
	}
}
