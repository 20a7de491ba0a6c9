package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testContext(t *testing.T, s Suite) {
	t.Run("AnEndedContextStopsEveryMethodBeforeItStarts", func(t *testing.T) { s.testEnded(t) })
	t.Run("PutEndsWithItsContextAndPublishesNothing", func(t *testing.T) {
		for _, after := range []int{1, s.part(), 3 * s.part(), 4 * s.part()} {
			s.testCancelPut(t, after)
		}
	})
	t.Run("PutEndsWithTheBlockedReaderOfAnEndedContext", func(t *testing.T) {
		for _, size := range []int{0, 10, 2*s.part() + 1} {
			s.testCancelBlocked(t, size)
		}
	})
	t.Run("AReaderEndsWithItsContext", func(t *testing.T) { s.testCancelGet(t) })
	t.Run("ListEndsWithItsContext", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "a", nil)
		put(t, store, "b", nil)
		ctx, cancel := context.WithCancel(bounded(t))
		err := store.List(ctx, "", func(blob.Info) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List: %v, want context.Canceled", err)
		}
	})
}

func (s Suite) testEnded(t *testing.T) {
	store := s.New(t)
	put(t, store, "a", nil)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{canceled, expired} {
		_, putErr := store.Put(ctx, "b", bytes.NewReader(nil), blob.PutOptions{})
		_, getErr := read(ctx, store, "a", 0, -1, "")
		_, statErr := store.Stat(ctx, "a")
		for method, err := range map[string]error{
			"Put": putErr, "Get": getErr, "Stat": statErr, "Delete": store.Delete(ctx, "a"),
			"List": store.List(ctx, "", func(blob.Info) error { return nil }),
		} {
			if !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: %v, want %v", method, err, ctx.Err())
			}
		}
	}
	checkAbsent(t, store, "b")
	checkContent(t, store, "a", nil)
}

// testCancelPut cancels while bytes flow: before r has said io.EOF, so nothing may be published.
func (s Suite) testCancelPut(t *testing.T, after int) {
	t.Helper()
	store, data := s.New(t), Content(1, 4*s.part()+10)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	r := &cancelling{r: bytes.NewReader(data), after: after, cancel: cancel}
	_, err := store.Put(ctx, "a", r, blob.PutOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Put cancelled after %d bytes: %v, want context.Canceled", after, err)
	}
	checkAbsent(t, store, "a")
	s.checkNoRemains(t, store, "a")
}

func (s Suite) testCancelBlocked(t *testing.T, size int) {
	t.Helper()
	store := s.New(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	r, done := newGated(ctx, Content(1, size)), make(chan error, 1)
	go func() {
		_, err := store.Put(ctx, "a", r, blob.PutOptions{})
		done <- err
	}()
	r.awaitDrawn(t)
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Put: %v, want context.Canceled", err)
		}
	case <-time.After(patience):
		t.Fatal("Put does not end with its context")
	}
	checkAbsent(t, store, "a")
	s.checkNoRemains(t, store, "a")
}

func (s Suite) testCancelGet(t *testing.T) {
	// Larger than what buffers on the way may hold already when the context ends.
	store, size := s.New(t), 4*s.part()+32<<20
	put(t, store, "a", Content(1, size))
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	r, err := store.Get(ctx, "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read on: %d bytes, %v, want context.Canceled", n, err)
	}
}
