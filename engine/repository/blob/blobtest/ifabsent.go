package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testIfAbsent(t *testing.T, s Suite) {
	for _, size := range []int{20, 2*s.part() + 1} {
		t.Run(fmt.Sprintf("ATakenNameIsRefusedAndKept/%d", size), func(t *testing.T) {
			store, old := s.New(t), Content(1, 10)
			put(t, store, "a", old)
			opts := blob.PutOptions{IfAbsent: true}
			_, err := store.Put(bounded(t), "a", bytes.NewReader(Content(2, size)), opts)
			if !errors.Is(err, blob.ErrExists) {
				t.Errorf("Put: %v, want ErrExists", err)
			}
			checkContent(t, store, "a", old)
			s.checkNoRemains(t, store, "a")
		})
		t.Run(fmt.Sprintf("AFreeNameIsTaken/%d", size), func(t *testing.T) {
			store, data := s.New(t), Content(3, size)
			put(t, store, "folder/b", Content(1, 10))
			opts := blob.PutOptions{IfAbsent: true}
			if _, err := store.Put(bounded(t), "folder/a", bytes.NewReader(data), opts); err != nil {
				t.Fatal(err)
			}
			checkContent(t, store, "folder/a", data)
			if err := store.Delete(bounded(t), "folder/a"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Put(bounded(t), "folder/a", bytes.NewReader(data), opts); err != nil {
				t.Errorf("Put after Delete: %v", err)
			}
		})
		t.Run(fmt.Sprintf("OfRacingWritersOneWins/%d", size), func(t *testing.T) {
			store := s.New(t)
			if !s.AtomicIfAbsent && !features(t, store).AtomicIfAbsent {
				return // the contract lets the last one win here
			}
			s.testRace(t, store, size)
		})
	}
}

func (s Suite) testRace(t *testing.T, store blob.Store, size int) {
	const writers = 8
	ctx := bounded(t)
	results := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			data := bytes.NewReader(Content(uint64(i), size))
			_, results[i] = store.Put(ctx, "a", data, blob.PutOptions{IfAbsent: true})
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("writers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, blob.ErrExists):
			t.Errorf("writer %d: %v, want ErrExists", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("no writer won")
	}
	checkContent(t, store, "a", Content(uint64(winner), size))
	s.checkNoRemains(t, store, "a")
}

func testMetadata(t *testing.T, s Suite) {
	metadata := map[string]string{"upload-id": "0123456789abcdef", "node": "cp-1", "trigger": "manual (by hand)"}
	for _, size := range []int{20, 2*s.part() + 1} {
		t.Run(fmt.Sprintf("ItTravelsWithTheObjectWhereTheStoreSaysSo/%d", size), func(t *testing.T) {
			store := s.New(t)
			want := metadata
			if !features(t, store).Metadata {
				want = nil
			}
			info, err := store.Put(bounded(t), "a", bytes.NewReader(Content(1, size)), blob.PutOptions{Metadata: metadata})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, info.Metadata); diff != "" {
				t.Errorf("Put (-want +got):\n%s", diff)
			}
			stat, err := store.Stat(bounded(t), "a")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, stat.Metadata); diff != "" {
				t.Errorf("Stat (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("ReplacingTheObjectReplacesIt", func(t *testing.T) {
		store := s.New(t)
		if _, err := store.Put(bounded(t), "a", bytes.NewReader(nil), blob.PutOptions{Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a", nil)
		if stat, err := store.Stat(bounded(t), "a"); err != nil || len(stat.Metadata) != 0 {
			t.Errorf("Stat: metadata %v, %v, want none", stat.Metadata, err)
		}
	})
	t.Run("InvalidMetadataIsRefusedEverywhere", func(t *testing.T) {
		store := s.New(t)
		for key, value := range map[string]string{"Upper": "a", "a": "line\nbreak", "": "a"} {
			opts := blob.PutOptions{Metadata: map[string]string{key: value}}
			if _, err := store.Put(bounded(t), "a", bytes.NewReader(nil), opts); !errors.Is(err, blob.ErrMetadata) {
				t.Errorf("Put with metadata %q=%q: %v, want ErrMetadata", key, value, err)
			}
		}
		checkAbsent(t, store, "a")
	})
}

func features(t *testing.T, store blob.Store) blob.Features {
	t.Helper()
	featured, ok := store.(blob.Featured)
	if !ok {
		t.Fatalf("%T does not implement blob.Featured", store)
	}
	return featured.Features()
}
