package ranged_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func object(t testing.TB, data []byte) (blob.Store, blob.Info) {
	t.Helper()
	store, err := local.New(local.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	info, err := store.Put(t.Context(), "a", bytes.NewReader(data), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return store, info
}

func open(t testing.TB, store blob.Store, info blob.Info, cfg ranged.Config) *ranged.Reader {
	t.Helper()
	r, err := ranged.NewReader(t.Context(), store, info, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestTheBytesComeInOrderForAnySizeAndChunk(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 99, 100, 101, 1234} {
		for _, cfg := range []ranged.Config{{}, {Chunk: 10}, {Chunk: 10, Parallel: 1}, {Chunk: 1, Parallel: 7}, {Chunk: 100, Parallel: 2}} {
			t.Run(fmt.Sprintf("%d/%+v", size, cfg), func(t *testing.T) {
				data := blobtest.Content(1, size)
				store, info := object(t, data)
				if err := iotest.TestReader(open(t, store, info, cfg), data); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// counting counts the requests that run at once.
type counting struct {
	blob.Store
	now, most atomic.Int32
}

func (c *counting) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	time.Sleep(time.Second) // virtual: a round trip
	return c.Store.Get(ctx, name, offset, length, match)
}

func TestRequestsRunAtOnceButNoMoreThanAllowed(t *testing.T) {
	store, info := object(t, blobtest.Content(1, 1000))
	synctest.Test(t, func(t *testing.T) {
		counted, start := &counting{Store: store}, time.Now()
		r, err := ranged.NewReader(t.Context(), counted, info, ranged.Config{Chunk: 10, Parallel: 5})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil || n != 1000 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if most := counted.most.Load(); most != 5 {
			t.Errorf("%d requests at once, want 5", most)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("100 round trips of 1 s, 5 at once, took %v, want 20 s", took)
		}
	})
}

func TestAnObjectReplacedMeanwhileIsErrChanged(t *testing.T) {
	store, info := object(t, blobtest.Content(1, 1000))
	r := open(t, store, info, ranged.Config{Chunk: 10, Parallel: 2})
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "a", bytes.NewReader(blobtest.Content(2, 1000)), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and the error stays
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, blob.ErrChanged) {
			t.Errorf("read on: %v, want ErrChanged", err)
		}
	}
}

func TestAFailedChunkIsAnErrorAfterTheBytesBeforeIt(t *testing.T) {
	store, info := object(t, blobtest.Content(1, 100))
	script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Skip: 3, Times: -1, Do: faulty.Cut(5, nil)})
	r := open(t, faulty.New(store, script), info, ranged.Config{Chunk: 10, Parallel: 1})
	n, err := io.Copy(io.Discard, r)
	if n != 30 || !errors.Is(err, faulty.ErrInjected) {
		t.Errorf("%d bytes, %v, want 30 and the injected error", n, err)
	}
}

func TestOverARetryingStoreFailuresDoNotShow(t *testing.T) {
	data := blobtest.Content(1, 5000)
	store, info := object(t, data)
	script := faulty.NewScript(
		faulty.Fault{Op: faulty.Get, Times: -1, Every: 3, Do: faulty.Cut(7, nil)},
		faulty.Fault{Op: faulty.Get, Times: -1, Every: 2, Do: faulty.Fail(nil)},
	)
	quick := retry.Config{Policy: retry.Policy{Initial: time.Microsecond}}
	r := open(t, retry.New(faulty.New(store, script), quick), info, ranged.Config{Chunk: 100})
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v, want %d", len(got), err, len(data))
	}
	if unmet := script.Unmet(); len(unmet) > 0 {
		t.Errorf("unmet: %v", unmet)
	}
}

func TestAnObjectShorterThanToldIsAnError(t *testing.T) {
	store, info := object(t, blobtest.Content(1, 95))
	info.Size = 100
	if n, err := io.Copy(io.Discard, open(t, store, info, ranged.Config{Chunk: 10})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v, want io.ErrUnexpectedEOF", n, err)
	}
}

// stalling gives nothing from an offset on.
type stalling struct {
	blob.Store
	from int64
}

func (s stalling) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	if offset >= s.from {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Get(ctx, name, offset, length, match)
}

func TestReadEndsWithItsContextAndCloseWithoutReading(t *testing.T) {
	store, info := object(t, blobtest.Content(1, 1000))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := ranged.NewReader(ctx, stalling{store, 20}, info, ranged.Config{Chunk: 10, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 15)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read on: %v, want context.Canceled", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	unread := open(t, stalling{store, 0}, info, ranged.Config{Chunk: 10})
	if err := unread.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownVersionIsRefused(t *testing.T) {
	store, info := object(t, nil)
	info.Version = ""
	if _, err := ranged.NewReader(t.Context(), store, info, ranged.Config{}); err == nil {
		t.Error("NewReader of an unknown version: nil, want an error")
	}
}

func TestMemoryDoesNotGrowWithTheObject(t *testing.T) {
	store, info := object(t, make([]byte, 256<<20))
	peak := blobtest.PeakHeap(t, func() {
		if n, err := io.Copy(io.Discard, open(t, store, info, ranged.Config{})); err != nil || n != info.Size {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	t.Logf("%d MiB at most for an object of %d MiB", peak>>20, info.Size>>20)
	if peak > 40<<20 {
		t.Errorf("held %d MiB, want at most 40", peak>>20)
	}
}
