package limit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/limit"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALimitedStoreKeepsTheContract(t *testing.T) {
	blobtest.Run(t, localtest.Suite(func(store blob.Store) blob.Store {
		return limit.New(store, limit.Config{Upload: 1 << 30, Download: 1 << 30})
	}))
}

const (
	size     = 1_000_000
	perSec   = 100_000
	expected = size / perSec * time.Second
)

// near allows for the burst that a limiter starts with.
func near(t *testing.T, what string, took, want time.Duration) {
	t.Helper()
	if took < want-time.Second || took > want+time.Second {
		t.Errorf("%s took %v, want about %v", what, took, want)
	}
}

func TestEachDirectionIsAsSlowAsItsLimit(t *testing.T) {
	for _, test := range []struct {
		cfg      limit.Config
		put, get time.Duration
	}{
		{limit.Config{}, 0, 0},
		{limit.Config{Upload: perSec}, expected, 0},
		{limit.Config{Download: perSec}, 0, expected},
		{limit.Config{Upload: perSec, Download: perSec / 2}, expected, 2 * expected},
	} {
		inner := localtest.New(t)
		synctest.Test(t, func(t *testing.T) {
			store, data := limit.New(inner, test.cfg), blobtest.Content(1, size)
			start := time.Now()
			if _, err := store.Put(t.Context(), "a", bytes.NewReader(data), blob.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			near(t, "Put", time.Since(start), test.put)
			start = time.Now()
			r, err := store.Get(t.Context(), "a", 0, -1, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get: %d bytes, %v", len(got), err)
			}
			near(t, "Get", time.Since(start), test.get)
		})
	}
}

func TestOperationsShareOneLimit(t *testing.T) {
	inner := localtest.New(t)
	synctest.Test(t, func(t *testing.T) {
		store, start := limit.New(inner, limit.Config{Upload: perSec}), time.Now()
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wg.Go(func() {
				if _, err := store.Put(t.Context(), name, bytes.NewReader(make([]byte, size)), blob.PutOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		near(t, "two Puts", time.Since(start), 2*expected)
	})
}

func TestAWaitForBandwidthEndsWithItsContext(t *testing.T) {
	inner := localtest.New(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		store := limit.New(inner, limit.Config{Upload: 1000})
		_, err := store.Put(ctx, "a", bytes.NewReader(make([]byte, size)), blob.PutOptions{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: %v, want the deadline", err)
		}
		if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("Stat: %v, want nothing published", err)
		}
	})
}
