package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t testing.TB, store blob.Store, name string, data []byte) {
	t.Helper()
	if _, err := store.Put(context.Background(), name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func read(ctx context.Context, store blob.Store, offset, length int64, match string) ([]byte, error) {
	r, err := store.Get(ctx, "a", offset, length, match)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// quick is a policy for tests that cannot use virtual time.
var quick = retry.Config{Policy: retry.Policy{Initial: time.Microsecond, Max: time.Millisecond}}

func TestAStoreThatFailsAllTheTimeKeepsTheContract(t *testing.T) {
	blobtest.Run(t, localtest.Suite(func(store blob.Store) blob.Store {
		return retry.New(faulty.New(store, faulty.NewScript(
			faulty.Fault{Op: faulty.Get, Times: -1, Every: 3, Do: faulty.Fail(nil)},
			faulty.Fault{Op: faulty.Get, Times: -1, Every: 3, Do: faulty.Cut(700, nil)},
			faulty.Fault{Op: faulty.Stat, Times: -1, Every: 2, Do: faulty.Fail(nil)},
			faulty.Fault{Op: faulty.List, Times: -1, Every: 3, Do: faulty.Fail(nil)},
			faulty.Fault{Op: faulty.List, Times: -1, Every: 3, Do: faulty.Cut(3, nil)},
			faulty.Fault{Op: faulty.List, Times: -1, Every: 4, Do: faulty.Lose(nil)},
			faulty.Fault{Op: faulty.Delete, Times: -1, Every: 3, Do: faulty.Fail(nil)},
			faulty.Fault{Op: faulty.Delete, Times: -1, Every: 3, Do: faulty.Lose(nil)},
		)), quick)
	}))
}

func TestABrokenReadGoesOnWhereItStopped(t *testing.T) {
	data := blobtest.Content(1, 10_000)
	for _, test := range []struct{ offset, length int64 }{{0, -1}, {0, 10_000}, {100, 5000}, {9000, -1}} {
		inner := localtest.New(t)
		put(t, inner, "a", data)
		script := faulty.NewScript(
			faulty.Fault{Op: faulty.Get, Do: faulty.Cut(1, nil)},
			faulty.Fault{Op: faulty.Get, Do: faulty.Fail(nil)},
			faulty.Fault{Op: faulty.Get, Do: faulty.Cut(0, nil)},
			faulty.Fault{Op: faulty.Get, Do: faulty.Cut(500, nil)},
		)
		got, err := read(t.Context(), retry.New(faulty.New(inner, script), quick), test.offset, test.length, "")
		want := data[test.offset:]
		if test.length >= 0 {
			want = want[:test.length]
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Get(%d, %d): %d bytes, %v, want %d", test.offset, test.length, len(got), err, len(want))
		}
		if unmet := script.Unmet(); len(unmet) > 0 {
			t.Errorf("unmet: %v", unmet)
		}
	}
}

func TestABreakAfterTheLastByteLosesNothing(t *testing.T) {
	inner, data := localtest.New(t), blobtest.Content(1, 1000)
	put(t, inner, "a", data)
	for _, length := range []int64{-1, 1000} {
		script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Do: faulty.Cut(1000, nil)})
		got, err := read(t.Context(), retry.New(faulty.New(inner, script), quick), 0, length, "")
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("length %d: %d bytes, %v", length, len(got), err)
		}
	}
}

func TestTwoVersionsAreNeverMixed(t *testing.T) {
	inner := localtest.New(t)
	put(t, inner, "a", blobtest.Content(1, 1000))
	script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Do: faulty.Cut(500, nil)})
	r, err := retry.New(faulty.New(inner, script), quick).Get(t.Context(), "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	put(t, inner, "a", blobtest.Content(2, 1000))
	if n, err := io.Copy(io.Discard, r); n != 0 || !errors.Is(err, blob.ErrChanged) {
		t.Errorf("read on after a replacement: %d bytes, %v, want ErrChanged", n, err)
	}
}

// mute hides which version its readers read.
type mute struct{ blob.Store }

func (m mute) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	r, err := m.Store.Get(ctx, name, offset, length, match)
	return struct{ io.ReadCloser }{r}, err
}

func TestAReadOfAnUnknownVersionIsNotContinued(t *testing.T) {
	inner, data := localtest.New(t), blobtest.Content(1, 1000)
	put(t, inner, "a", data)
	info, err := inner.Stat(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for match, want := range map[string]error{"": faulty.ErrInjected, info.Version: nil} {
		script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Do: faulty.Cut(500, nil)})
		got, err := read(t.Context(), retry.New(faulty.New(mute{inner}, script), quick), 0, -1, match)
		if !errors.Is(err, want) || !bytes.HasPrefix(data, got) {
			t.Errorf("match %q: %d bytes, %v, want %v", match, len(got), err, want)
		}
	}
}

func TestPutIsNeverRepeated(t *testing.T) {
	for _, do := range []faulty.Action{faulty.Fail(nil), faulty.Cut(1, nil), faulty.Lose(nil)} {
		script := faulty.NewScript(faulty.Fault{Op: faulty.Put, Do: do})
		store := retry.New(faulty.New(localtest.New(t), script), quick)
		if _, err := store.Put(t.Context(), "a", strings.NewReader("content"), blob.PutOptions{}); !errors.Is(err, faulty.ErrInjected) {
			t.Errorf("Put: %v, want the first attempt's error", err)
		}
	}
}

func TestPermanentErrorsComeBackAtOnce(t *testing.T) {
	for _, permanent := range []error{
		blob.ErrNotExist, blob.ErrNoStore, blob.ErrExists, blob.ErrChanged, blob.ErrDenied, blob.ErrCredentials,
		blob.ErrClockSkew, blob.ErrNoSpace, blob.ErrTLS, blob.ErrName, io.ErrUnexpectedEOF, errors.New("unknown"),
	} {
		// The second attempt would succeed, so a retry would show.
		script := faulty.NewScript(faulty.Fault{Op: faulty.Delete, Do: faulty.Fail(fmt.Errorf("wrapped: %w", permanent))})
		err := retry.New(faulty.New(localtest.New(t), script), quick).Delete(t.Context(), "a")
		if !errors.Is(err, permanent) {
			t.Errorf("%v: Delete returned %v", permanent, err)
		}
	}
}

func TestItGivesUpWhenItsTimeIsOver(t *testing.T) {
	policy := retry.Policy{Initial: time.Second, Max: 8 * time.Second, MaxElapsed: time.Minute}
	inner := localtest.New(t)
	put(t, inner, "a", []byte("content"))
	for name, op := range map[string]func(context.Context, blob.Store) error{
		"Stat":   func(ctx context.Context, s blob.Store) error { _, err := s.Stat(ctx, "a"); return err },
		"Delete": func(ctx context.Context, s blob.Store) error { return s.Delete(ctx, "a") },
		"List": func(ctx context.Context, s blob.Store) error {
			return s.List(ctx, "", func(blob.Info) error { return nil })
		},
		"Get, Read":  func(ctx context.Context, s blob.Store) error { _, err := read(ctx, s, 0, -1, ""); return err },
		"Get, match": func(ctx context.Context, s blob.Store) error { _, err := read(ctx, s, 3, 2, ""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var always []faulty.Fault
				for _, op := range []faulty.Op{faulty.Stat, faulty.Delete, faulty.List} {
					always = append(always, faulty.Fault{Op: op, Times: -1, Do: faulty.Fail(nil)})
				}
				always = append(always, faulty.Fault{Op: faulty.Get, Times: -1, Do: faulty.Cut(0, nil)})
				start := time.Now()
				err := op(t.Context(), retry.New(faulty.New(inner, faulty.NewScript(always...)), retry.Config{Policy: policy}))
				if took := time.Since(start); !errors.Is(err, faulty.ErrInjected) || took > time.Minute || took < 45*time.Second {
					t.Errorf("%v after %v, want the last error shortly before a minute", err, took)
				}
			})
		})
	}
}

func TestALongReadMayBreakAnyNumberOfTimesAsLongAsItMoves(t *testing.T) {
	inner, data := localtest.New(t), blobtest.Content(1, 2000)
	put(t, inner, "a", data)
	synctest.Test(t, func(t *testing.T) {
		script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Times: -1, Do: faulty.Cut(10, nil)})
		policy := retry.Policy{Initial: time.Second, MaxElapsed: 5 * time.Second}
		start := time.Now()
		got, err := read(t.Context(), retry.New(faulty.New(inner, script), retry.Config{Policy: policy}), 0, -1, "")
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v, want %d", len(got), err, len(data))
		}
		if took := time.Since(start); took < 10*policy.MaxElapsed {
			t.Errorf("it took %v, too little to show anything", took)
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := retry.Policy{Initial: time.Hour, MaxElapsed: 100 * time.Hour}.Do(ctx, func(context.Context) error {
			return fmt.Errorf("attempt: %w", &timeout{})
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v, want the deadline after 10 s", err, time.Since(start))
		}
		if !strings.Contains(err.Error(), "attempt") {
			t.Errorf("%v does not say what went wrong", err)
		}
	})
}

// timeout is what a dial that takes too long returns.
type timeout struct{}

func (*timeout) Error() string   { return "i/o timeout" }
func (*timeout) Timeout() bool   { return true }
func (*timeout) Temporary() bool { return true }

// untidy is a store whose remains can be removed one at a time, and every other time not.
type untidy struct {
	blob.Store
	remains, calls int
}

func (u *untidy) Sweep(context.Context, time.Duration) (int, error) {
	u.calls++
	if u.calls%2 == 0 {
		u.remains--
		return 1, transientError{}
	}
	if u.remains > 0 {
		return 0, transientError{}
	}
	return 0, nil
}

type transientError struct{}

func (transientError) Error() string   { return "busy" }
func (transientError) Transient() bool { return true }

func TestASweepGoesOnAndCountsWhatAllItsAttemptsRemoved(t *testing.T) {
	store := retry.New(&untidy{Store: localtest.New(t), remains: 3}, quick)
	if n, err := store.(blob.Janitor).Sweep(t.Context(), time.Hour); n != 3 || err != nil {
		t.Errorf("Sweep: %d, %v, want 3", n, err)
	}
}
