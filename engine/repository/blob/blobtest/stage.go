package blobtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testStage(t *testing.T, s Suite) {
	if _, ok := s.New(t).(blob.Stager); !ok {
		return // not every store can move a file in
	}
	t.Run("AStagedFileIsSeenOnlyByItsPathUntilItIsCommitted", func(t *testing.T) { s.testStageCommit(t) })
	t.Run("ADiscardedFileLeavesNothing", func(t *testing.T) {
		store := s.New(t)
		staged := stage(t, store, Content(1, 100))
		for range 2 {
			if err := staged.Discard(); err != nil {
				t.Errorf("Discard: %v", err)
			}
		}
		if _, err := os.Stat(staged.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the discarded file: %v, want none", err)
		}
		s.checkNoRemains(t, store, "a")
	})
	t.Run("ACommitThatIsRefusedCanBeTriedElsewhere", func(t *testing.T) { s.testStageRefused(t) })
	t.Run("AnEndedContextCommitsNothing", func(t *testing.T) {
		store := s.New(t)
		staged := stage(t, store, Content(1, 100))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := staged.Commit(ctx, "a", blob.PutOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Commit: %v, want context.Canceled", err)
		}
		if _, err := store.(blob.Stager).Stage(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Stage: %v, want context.Canceled", err)
		}
		checkAbsent(t, store, "a")
	})
}

func stage(t *testing.T, store blob.Store, data []byte) blob.Staged {
	t.Helper()
	staged, err := store.(blob.Stager).Stage(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := staged.Discard(); err != nil {
			t.Errorf("Discard: %v", err)
		}
	})
	for len(data) > 0 {
		n := min(len(data), 1000)
		if _, err := staged.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	return staged
}

func (s Suite) testStageCommit(t *testing.T) {
	store, data := s.New(t), Content(1, 100_000)
	staged := stage(t, store, data)
	if got := list(t, store, ""); len(got) > 0 {
		t.Errorf("List shows %q before the commit", names(got))
	}
	part := make([]byte, 500)
	if _, err := staged.ReadAt(part, 70_000); err != nil || !bytes.Equal(part, data[70_000:70_500]) {
		t.Errorf("ReadAt of a growing file: %v", err)
	}
	if onDisk, err := os.ReadFile(staged.Path()); err != nil || !bytes.Equal(onDisk, data) {
		t.Errorf("the file at Path: %d bytes, %v, want %d", len(onDisk), err, len(data))
	}
	info, err := staged.Commit(bounded(t), "folder/a", blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkContent(t, store, "folder/a", data)
	if stat, err := store.Stat(bounded(t), "folder/a"); err != nil || stat.Version != info.Version || stat.Size != info.Size {
		t.Errorf("Commit says %+v, Stat says %+v, %v", info, stat, err)
	}
	if err := staged.Discard(); err != nil {
		t.Errorf("Discard after Commit: %v", err)
	}
	checkContent(t, store, "folder/a", data)
	s.checkNoRemains(t, store, "folder/a")
}

func (s Suite) testStageRefused(t *testing.T) {
	store, old, data := s.New(t), Content(1, 10), Content(2, 100)
	put(t, store, "a", old)
	staged := stage(t, store, data)
	if _, err := staged.Commit(bounded(t), "a", blob.PutOptions{IfAbsent: true}); !errors.Is(err, blob.ErrExists) {
		t.Errorf("Commit to a taken name: %v, want ErrExists", err)
	}
	if _, err := staged.Commit(bounded(t), "../a", blob.PutOptions{}); !errors.Is(err, blob.ErrName) {
		t.Errorf("Commit to an invalid name: %v, want ErrName", err)
	}
	checkContent(t, store, "a", old)
	if _, err := staged.Commit(bounded(t), "b", blob.PutOptions{IfAbsent: true}); err != nil {
		t.Fatalf("Commit to a free name: %v", err)
	}
	checkContent(t, store, "b", data)
}

func testSweep(t *testing.T, s Suite) {
	store := s.New(t)
	janitor, ok := store.(blob.Janitor)
	if !ok {
		return // leaves no remains
	}
	put(t, store, "folder/a", Content(1, 10))
	sweep := func(t *testing.T, j blob.Janitor, age time.Duration, want int) {
		t.Helper()
		if n, err := j.Sweep(bounded(t), age); err != nil || n != want {
			t.Errorf("Sweep(%v) = %d, %v, want %d", age, n, err, want)
		}
		checkContent(t, store, "folder/a", Content(1, 10))
	}
	t.Run("ItTouchesNoObject", func(t *testing.T) { sweep(t, janitor, 0, 0) })
	t.Run("ItSparesTheYoungAndRemovesWhatADeadWriterLeft", func(t *testing.T) {
		if s.Abandon == nil {
			return
		}
		s.Abandon(t, store, "folder/b")
		sweep(t, janitor, time.Hour, 0)
		sweep(t, janitor, 0, 1)
		s.checkNoRemains(t, store, "folder/b")
		sweep(t, janitor, 0, 0)
	})
	t.Run("ItSparesWritersThatLive", func(t *testing.T) {
		for _, size := range []int{10, 2*s.part() + 1} {
			s.testSweepLive(t, store, size)
		}
	})
	t.Run("AnEndedContextStopsIt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := janitor.Sweep(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("Sweep: %v, want context.Canceled", err)
		}
	})
}

// testSweepLive sweeps at the most dangerous moment of a write: everything is in the store and nothing is published.
// Its own process must be spared at any age, another one as soon as it moved bytes within the given age.
func (s Suite) testSweepLive(t *testing.T, store blob.Store, size int) {
	t.Helper()
	ctx := bounded(t)
	r, done := newGated(ctx, Content(1, size)), make(chan error, 1)
	go func() {
		_, err := store.Put(ctx, "folder/live", r, blob.PutOptions{})
		done <- err
	}()
	r.awaitDrawn(t)
	if n, err := store.(blob.Janitor).Sweep(ctx, 0); err != nil || n != 0 {
		t.Errorf("Sweep beside an own writer: %d, %v, want 0", n, err)
	}
	if n, err := s.Again(t, store).(blob.Janitor).Sweep(ctx, time.Hour); err != nil || n != 0 {
		t.Errorf("Sweep beside another process's writer: %d, %v, want 0", n, err)
	}
	close(r.letEnd)
	if err := <-done; err != nil {
		t.Errorf("Put beside a Sweep: %v", err)
	}
	checkContent(t, store, "folder/live", Content(1, size))
}
