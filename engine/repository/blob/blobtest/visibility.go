package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testVisibility(t *testing.T, s Suite) {
	t.Run("ReadersSeeTheOldObjectOrTheNewOneWhole", func(t *testing.T) { s.testAtomicReplace(t) })
	t.Run("OfRacingWritersOneRemainsWhole", func(t *testing.T) { s.testLastWins(t) })
	t.Run("AReaderKeepsTheVersionItBeganWith", func(t *testing.T) { s.testOpenReader(t) })
	t.Run("ManyNamesCanBeWrittenAndReadAtOnce", func(t *testing.T) { s.testParallel(t) })
}

// contents are whole objects that a reader may see; anything else is a mixture.
func (s Suite) contents() [][]byte {
	return [][]byte{Content(1, 1000), Content(2, s.part()+1), Content(3, 1000), Content(4, 2*s.part())}
}

func oneOf(contents [][]byte, data []byte) bool {
	return slices.ContainsFunc(contents, func(c []byte) bool { return bytes.Equal(c, data) })
}

func (s Suite) testAtomicReplace(t *testing.T) {
	store, contents := s.New(t), s.contents()
	put(t, store, "a", contents[0])
	ctx, stop := context.WithCancel(bounded(t))
	defer stop()
	var readers sync.WaitGroup
	var whole atomic.Int32
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				data, err := read(context.WithoutCancel(ctx), store, "a", 0, -1, "")
				if errors.Is(err, blob.ErrChanged) {
					continue // a broken connection could not be mended
				}
				whole.Add(1)
				if err != nil {
					t.Errorf("read during a replacement: %v", err)
					return
				}
				if !oneOf(contents, data) {
					t.Errorf("read %d bytes that no writer wrote", len(data))
					return
				}
			}
		})
	}
	readers.Go(func() { s.watchList(ctx, t, store, contents) })
	for range 4 {
		for _, data := range contents {
			put(t, store, "a", data)
		}
	}
	stop()
	readers.Wait()
	if whole.Load() == 0 {
		t.Error("no reader got a whole object")
	}
}

// watchList checks that the object never leaves the listing and never has a size that nobody wrote.
func (s Suite) watchList(ctx context.Context, t *testing.T, store blob.Store, contents [][]byte) {
	for ctx.Err() == nil {
		var found []string
		err := store.List(context.WithoutCancel(ctx), "", func(info blob.Info) error {
			if s.Passing != nil && s.Passing(info.Name) {
				return nil
			}
			found = append(found, info.Name)
			if !slices.ContainsFunc(contents, func(c []byte) bool { return int64(len(c)) == info.Size }) {
				t.Errorf("List shows %d bytes, which no writer wrote", info.Size)
			}
			return nil
		})
		if err != nil || len(found) != 1 {
			t.Errorf("List during a replacement: %q, %v, want one object", found, err)
			return
		}
	}
}

func (s Suite) testLastWins(t *testing.T) {
	ctx, store, contents := bounded(t), s.New(t), s.contents()
	var writers sync.WaitGroup
	for _, data := range contents {
		writers.Go(func() {
			if _, err := store.Put(ctx, "a", bytes.NewReader(data), blob.PutOptions{}); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	writers.Wait()
	if data := get(t, store, "a"); !oneOf(contents, data) {
		t.Errorf("the object holds %d bytes that no writer wrote", len(data))
	}
	s.checkNoRemains(t, store, "a")
}

func (s Suite) testOpenReader(t *testing.T) {
	store, old := s.New(t), Content(1, 4*s.part())
	put(t, store, "a", old)
	r, err := store.Get(bounded(t), "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first := make([]byte, 1000)
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() { put(t, store, "a", Content(2, 4*s.part())) })
	if !s.ReadersHoldWriters {
		writer.Wait()
	}
	rest, err := io.ReadAll(r)
	writer.Wait()
	if err != nil && !errors.Is(err, blob.ErrChanged) {
		t.Errorf("read on after a replacement: %v, want the old bytes or ErrChanged", err)
	}
	if got := slices.Concat(first, rest); !bytes.HasPrefix(old, got) || err == nil && len(got) != len(old) {
		t.Error("the reader mixed two versions")
	}
}

func (s Suite) testParallel(t *testing.T) {
	ctx, store := bounded(t), s.New(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name, data := fmt.Sprintf("folder-%d/object", i%3*10+i), Content(uint64(i), s.part()/2+i)
			if _, err := store.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
				t.Errorf("Put %s: %v", name, err)
				return
			}
			if got, err := read(ctx, store, name, 0, -1, ""); err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get %s: %d bytes, %v, want %d", name, len(got), err, len(data))
			}
			if err := store.Delete(ctx, name); err != nil {
				t.Errorf("Delete %s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if left := list(t, store, ""); len(left) > 0 {
		t.Errorf("List shows %q after everything was deleted", names(left))
	}
}
