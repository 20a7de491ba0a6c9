package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

func TestAContentIsCutIntoFullPartsAndARest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		wrap := rapid.SampledFrom([]func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		}).Draw(t, "reader")
		parts, err := s3.ReadParts(t.Context(), wrap(bytes.NewReader(data)), limit)
		if err != nil || !bytes.Equal(slices.Concat(parts...), data) {
			t.Fatalf("%d parts of %d bytes, %v", len(parts), len(slices.Concat(parts...)), err)
		}
		// One part for nothing at all, otherwise no more than are needed.
		if want := max(1, (len(data)+limit-1)/limit); len(parts) != want {
			t.Fatalf("%d parts, want %d", len(parts), want)
		}
		for _, part := range parts[:len(parts)-1] {
			if len(part) != limit {
				t.Fatalf("a part of %d bytes before the last one, want %d", len(part), limit)
			}
		}
	})
}

func TestOnlyEOFEndsAContent(t *testing.T) {
	broken := errors.New("broken")
	for _, cause := range []error{io.ErrUnexpectedEOF, fmt.Errorf("wrapped: %w", io.EOF), broken, iotest.ErrTimeout} {
		for _, before := range []int{0, 5, 10, 15} {
			r := io.MultiReader(bytes.NewReader(make([]byte, before)), iotest.ErrReader(cause))
			if parts, err := s3.ReadParts(t.Context(), r, 10); !errors.Is(err, cause) {
				t.Errorf("%d bytes, then %v: %d parts, %v", before, cause, len(parts), err)
			}
		}
	}
	if _, err := s3.ReadParts(t.Context(), silent{}, 10); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v, want io.ErrNoProgress", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s3.ReadParts(ctx, bytes.NewReader(make([]byte, 5)), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v, want context.Canceled", err)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestPartsGrowSoThatTheirNumberSuffices(t *testing.T) {
	store, err := s3.New(s3.Config{Bucket: "backups"})
	if err != nil {
		t.Fatal(err)
	}
	const mib = 1 << 20
	for hint, want := range map[int64]int{-1: 8 * mib, 0: 8 * mib, 1: 8 * mib, 70 << 30: 8 * mib} {
		if got := store.PartSize(hint); got != want {
			t.Errorf("an object of %d bytes: parts of %d, want %d", hint, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		hint := rapid.Int64Range(0, 5<<40).Draw(t, "hint")
		size := int64(store.PartSize(hint))
		if parts := (hint + size - 1) / size; parts > 9_000 || size%mib != 0 {
			t.Fatalf("%d bytes: %d parts of %d bytes", hint, parts, size)
		}
	})
}
