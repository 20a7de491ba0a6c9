package blobtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// patience bounds every test of the suite: long enough for a slow machine, short enough to name what hangs.
const patience = 2 * time.Minute

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Content returns size bytes that differ everywhere and from one seed to the next, so that a swapped, repeated or
// missing part cannot go unseen.
func Content(seed uint64, size int) []byte {
	random := rand.NewPCG(seed, uint64(size))
	data := make([]byte, 0, size+8)
	for len(data) < size {
		data = binary.LittleEndian.AppendUint64(data, random.Uint64())
	}
	return data[:size]
}

func put(t testing.TB, store blob.Store, name string, data []byte) blob.Info {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	info, err := store.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{SizeHint: int64(len(data))})
	if err != nil {
		t.Fatalf("Put %s: %v", name, err)
	}
	return info
}

// read gets a range and reads it to its end.
func read(ctx context.Context, store blob.Store, name string, offset, length int64, match string) ([]byte, error) {
	r, err := store.Get(ctx, name, offset, length, match)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func get(t testing.TB, store blob.Store, name string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	data, err := read(ctx, store, name, 0, -1, "")
	if err != nil {
		t.Fatalf("Get %s: %v", name, err)
	}
	return data
}

func list(t testing.TB, store blob.Store, prefix string) []blob.Info {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var infos []blob.Info
	err := store.List(ctx, prefix, func(info blob.Info) error {
		infos = append(infos, info)
		return nil
	})
	if err != nil {
		t.Fatalf("List %q: %v", prefix, err)
	}
	return infos
}

func names(infos []blob.Info) []string {
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names
}

func checkContent(t testing.TB, store blob.Store, name string, want []byte) {
	t.Helper()
	if got := get(t, store, name); !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes %s, want %d bytes %s", name, len(got), head(got), len(want), head(want))
	}
}

func checkAbsent(t testing.TB, store blob.Store, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := store.Stat(ctx, name); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("Stat %s: %v, want ErrNotExist", name, err)
	}
	if _, err := read(ctx, store, name, 0, -1, ""); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("Get %s: %v, want ErrNotExist", name, err)
	}
	for _, listed := range list(t, store, name) {
		if listed.Name == name {
			t.Errorf("List shows %s, which is not there", name)
		}
	}
}

func head(data []byte) string {
	if len(data) > 8 {
		data = data[:8]
	}
	return string(hexDigits(data))
}

func hexDigits(data []byte) []byte {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(data))
	for _, b := range data {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return out
}
