package blobtest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testGet(t *testing.T, s Suite) {
	size := int64(2*s.part() + 100)
	store, data := s.New(t), Content(1, 2*s.part()+100)
	put(t, store, "a", data)
	put(t, store, "empty", nil)
	for name, test := range map[string]struct {
		object         string
		offset, length int64
		want           []byte
		err            error
	}{
		"Whole":                    {"a", 0, -1, data, nil},
		"ExactlyWhole":             {"a", 0, size, data, nil},
		"FirstByte":                {"a", 0, 1, data[:1], nil},
		"FromTheStart":             {"a", 0, 1000, data[:1000], nil},
		"Middle":                   {"a", 1000, 2000, data[1000:3000], nil},
		"AcrossParts":              {"a", int64(s.part()) - 5, 10, data[s.part()-5 : s.part()+5], nil},
		"ToTheEnd":                 {"a", size - 10, 10, data[size-10:], nil},
		"Rest":                     {"a", 10, -1, data[10:], nil},
		"RestWithAnyNegative":      {"a", size - 10, -7, data[size-10:], nil},
		"LastByte":                 {"a", size - 1, 1, data[size-1:], nil},
		"NothingAtTheStart":        {"a", 0, 0, nil, nil},
		"NothingInTheMiddle":       {"a", 10, 0, nil, nil},
		"NothingAtTheEnd":          {"a", size, 0, nil, nil},
		"RestAtTheEnd":             {"a", size, -1, nil, nil},
		"MoreThanThereIs":          {"a", size - 10, 11, data[size-10:], io.ErrUnexpectedEOF},
		"MoreThanTheWhole":         {"a", 0, size + 1, data, io.ErrUnexpectedEOF},
		"SomethingAtTheEnd":        {"a", size, 1, nil, io.ErrUnexpectedEOF},
		"RestPastTheEnd":           {"a", size + 1, -1, nil, io.ErrUnexpectedEOF},
		"SomethingPastTheEnd":      {"a", size + 1000, 5, nil, io.ErrUnexpectedEOF},
		"NothingPastTheEnd":        {"a", size + 1, 0, nil, io.ErrUnexpectedEOF},
		"WholeOfAnEmptyObject":     {"empty", 0, -1, nil, nil},
		"NothingOfAnEmptyObject":   {"empty", 0, 0, nil, nil},
		"SomethingOfAnEmptyObject": {"empty", 0, 1, nil, io.ErrUnexpectedEOF},
		"AMissingObject":           {"none", 0, -1, nil, blob.ErrNotExist},
		"NothingOfAMissingObject":  {"none", 0, 0, nil, blob.ErrNotExist},
		"RangeOfAMissingObject":    {"none", 10, 10, nil, blob.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(bounded(t), store, test.object, test.offset, test.length, "")
			if !errors.Is(err, test.err) {
				t.Fatalf("Get(%d, %d): %v, want %v", test.offset, test.length, err, test.err)
			}
			// What comes before an error may be cut shorter, but never be wrong.
			if test.err == nil && len(got) != len(test.want) || !bytes.HasPrefix(test.want, got) {
				t.Errorf("Get(%d, %d): %d bytes %s, want %d bytes %s", test.offset, test.length,
					len(got), head(got), len(test.want), head(test.want))
			}
		})
	}
	t.Run("ANegativeOffsetIsRefused", func(t *testing.T) {
		if got, err := read(bounded(t), store, "a", -1, 10, ""); err == nil {
			t.Errorf("Get(-1, 10) gave %d bytes, want an error", len(got))
		}
	})
	t.Run("AReaderCanBeClosedEarly", func(t *testing.T) {
		for range 20 {
			r, err := store.Get(bounded(t), "a", 0, -1, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}
	})
}

func testMatch(t *testing.T, s Suite) {
	store, old := s.New(t), Content(1, 1000)
	first := put(t, store, "a", old)
	check := func(t *testing.T, match string, want error) {
		t.Helper()
		for _, part := range [][2]int64{{0, -1}, {0, 10}, {10, 10}, {1000, -1}, {0, 0}} {
			got, err := read(bounded(t), store, "a", part[0], part[1], match)
			if !errors.Is(err, want) {
				t.Errorf("Get(%d, %d) of version %s: %v, want %v", part[0], part[1], match, err, want)
			}
			if want != nil && len(got) > 0 {
				t.Errorf("Get(%d, %d) of version %s gave %d bytes of another", part[0], part[1], match, len(got))
			}
		}
	}
	t.Run("ThePresentVersionIsRead", func(t *testing.T) {
		check(t, first.Version, nil)
	})
	t.Run("AReplacedVersionIsErrChanged", func(t *testing.T) {
		second := put(t, store, "a", Content(2, 1000))
		check(t, first.Version, blob.ErrChanged)
		check(t, second.Version, nil)
	})
	t.Run("ADeletedObjectIsErrNotExist", func(t *testing.T) {
		if err := store.Delete(bounded(t), "a"); err != nil {
			t.Fatal(err)
		}
		check(t, first.Version, blob.ErrNotExist)
	})
	t.Run("AReaderThatTellsItsVersionTellsTheRightOne", func(t *testing.T) {
		info := put(t, store, "b", old)
		r, err := store.Get(bounded(t), "b", 0, -1, "")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if v, ok := r.(interface{ Version() string }); ok && v.Version() != "" && v.Version() != info.Version {
			t.Errorf("the reader says version %q, Put said %q", v.Version(), info.Version)
		}
	})
}
