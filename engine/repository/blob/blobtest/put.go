package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// sizes around every border that a store may have.
func (s Suite) sizes() []int {
	p := s.part()
	return []int{0, 1, 4096, p - 1, p, p + 1, 2 * p, 3*p + 17}
}

func testPut(t *testing.T, s Suite) {
	for _, size := range s.sizes() {
		for _, hinted := range []bool{true, false} {
			t.Run(fmt.Sprintf("AnObjectOf%dBytesReadsBackWhole/hinted=%v", size, hinted), func(t *testing.T) {
				s.testRoundTrip(t, size, hinted)
			})
		}
	}
	t.Run("AWrongSizeHintChangesNothingButTheTuning", func(t *testing.T) {
		store, data := s.New(t), Content(1, 2*s.part()+5)
		for _, hint := range []int64{1, int64(len(data)) * 10, -1} {
			if _, err := store.Put(bounded(t), "a", bytes.NewReader(data), blob.PutOptions{SizeHint: hint}); err != nil {
				t.Fatalf("Put with hint %d: %v", hint, err)
			}
			checkContent(t, store, "a", data)
		}
	})
	t.Run("ASlowlyDrippingReaderIsReadWhole", func(t *testing.T) {
		store, data := s.New(t), Content(2, 5000)
		if _, err := store.Put(bounded(t), "a", iotest.OneByteReader(bytes.NewReader(data)), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		checkContent(t, store, "a", data)
	})
	t.Run("BytesThatComeTogetherWithEOFAreKept", func(t *testing.T) {
		store, data := s.New(t), Content(3, s.part())
		r := &failing{data: data, err: io.EOF, together: true}
		if _, err := store.Put(bounded(t), "a", r, blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		checkContent(t, store, "a", data)
	})
	t.Run("TheReaderIsReadByOneGoroutineAndNotAfterPut", func(t *testing.T) {
		store := s.New(t)
		r := &solitary{t: t, r: bytes.NewReader(Content(4, 4*s.part()))}
		if _, err := store.Put(bounded(t), "a", r, blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		r.ended.Store(true)
	})
	t.Run("PutReplacesWhatWasThere", func(t *testing.T) { s.testReplace(t) })
}

func (s Suite) testRoundTrip(t *testing.T, size int, hinted bool) {
	store, data := s.New(t), Content(7, size)
	opts := blob.PutOptions{ContentType: "text/plain"}
	if hinted {
		opts.SizeHint = int64(size)
	}
	info, err := store.Put(bounded(t), "folder/object", bytes.NewReader(data), opts)
	if err != nil {
		t.Fatal(err)
	}
	checkContent(t, store, "folder/object", data)
	if info.Name != "folder/object" || info.Size != int64(size) || info.Version == "" || info.ModTime.IsZero() {
		t.Errorf("Put says %+v, want the name, %d bytes, a version and a time", info, size)
	}
	stat, err := store.Stat(bounded(t), "folder/object")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stat, info, cmpopts.IgnoreFields(blob.Info{}, "Metadata")); diff != "" {
		t.Errorf("Put and Stat differ (-stat +put):\n%s", diff)
	}
	s.checkNoRemains(t, store, "folder/object")
}

func (s Suite) testReplace(t *testing.T) {
	store := s.New(t)
	seen := map[string]bool{}
	for i, size := range []int{10, 3 * s.part(), 10, 10, 0, s.part()} {
		data := Content(uint64(i), size)
		info := put(t, store, "a", data)
		checkContent(t, store, "a", data)
		if seen[info.Version] {
			t.Errorf("version %s names two different contents", info.Version)
		}
		seen[info.Version] = true
	}
	if got := list(t, store, ""); len(got) != 1 || got[0].Size != int64(s.part()) {
		t.Errorf("List shows %+v, want one object of %d bytes", got, s.part())
	}
}

func testPutFails(t *testing.T, s Suite) {
	errBad := errors.New("the content is bad")
	for name, cause := range map[string]error{
		"AReaderErrorPublishesNothing": errBad,
		// What a truncated download says. Read loops like to take it for a proper end.
		"AnUnexpectedEndPublishesNothing": io.ErrUnexpectedEOF,
		"AWrappedEndPublishesNothing":     fmt.Errorf("the pipe broke: %w", io.EOF),
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 10, s.part(), s.part() + 1, 3*s.part() + 1} {
				for _, together := range []bool{false, true} {
					s.testFailingReader(t, &failing{data: Content(1, size), err: cause, together: together}, cause)
				}
			}
		})
	}
	t.Run("NothingIsPublishedBeforeTheEnd", func(t *testing.T) {
		for _, size := range []int{0, 10, s.part(), 2 * s.part(), 2*s.part() + 1} {
			s.testNothingBeforeEnd(t, size)
		}
	})
}

func (s Suite) testFailingReader(t *testing.T, r *failing, cause error) {
	t.Helper()
	store, old := s.New(t), Content(99, 100)
	put(t, store, "there", old)
	again := *r
	if _, err := store.Put(bounded(t), "new", r, blob.PutOptions{}); !errors.Is(err, cause) {
		t.Errorf("Put of a failing reader: %v, want %v", err, cause)
	}
	checkAbsent(t, store, "new")
	if _, err := store.Put(bounded(t), "there", &again, blob.PutOptions{}); !errors.Is(err, cause) {
		t.Errorf("Put of a failing reader over an object: %v, want %v", err, cause)
	}
	checkContent(t, store, "there", old)
	s.checkNoRemains(t, store, "new")
	s.checkNoRemains(t, store, "there")
}

func (s Suite) testNothingBeforeEnd(t *testing.T, size int) {
	t.Helper()
	ctx, store, data := bounded(t), s.New(t), Content(5, size)
	put(t, store, "there", Content(6, 10))
	for _, name := range []string{"new", "there"} {
		r, done := newGated(ctx, data), make(chan error, 1)
		go func() {
			_, err := store.Put(ctx, name, r, blob.PutOptions{})
			done <- err
		}()
		r.awaitDrawn(t)
		if name == "new" {
			checkAbsent(t, store, "new")
		} else {
			checkContent(t, store, "there", Content(6, 10))
		}
		close(r.letEnd)
		if err := <-done; err != nil {
			t.Fatalf("Put of %d bytes: %v", size, err)
		}
		checkContent(t, store, name, data)
	}
}
