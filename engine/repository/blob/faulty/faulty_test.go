package faulty_test

import (
	"bytes"
	"context"
	"errors"
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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func directory(t *testing.T) blob.Store {
	t.Helper()
	return localtest.New(t)
}

func TestAnEmptyScriptChangesNothing(t *testing.T) {
	blobtest.Run(t, localtest.Suite(func(store blob.Store) blob.Store {
		return faulty.New(store, faulty.NewScript())
	}))
}

// call does one operation on the object "a" with the content "0123456789" and returns its error and what it read.
func call(ctx context.Context, store blob.Store, op faulty.Op) (string, error) {
	switch op {
	case faulty.Put:
		_, err := store.Put(ctx, "a", strings.NewReader("0123456789"), blob.PutOptions{})
		return "", err
	case faulty.Get:
		r, err := store.Get(ctx, "a", 0, -1, "")
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(r)
		return string(data), errors.Join(err, r.Close())
	case faulty.Stat:
		_, err := store.Stat(ctx, "a")
		return "", err
	case faulty.Delete:
		return "", store.Delete(ctx, "a")
	case faulty.List:
		var names []string
		err := store.List(ctx, "", func(info blob.Info) error {
			names = append(names, info.Name)
			return nil
		})
		return strings.Join(names, " "), err
	}
	staged, err := store.(blob.Stager).Stage(ctx)
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(staged, bytes.NewReader([]byte("0123456789"))); err == nil {
		_, err = staged.Commit(ctx, "a", blob.PutOptions{})
	}
	return "", errors.Join(err, staged.Discard())
}

func exists(t *testing.T, store blob.Store) bool {
	t.Helper()
	_, err := store.Stat(t.Context(), "a")
	if err != nil && !errors.Is(err, blob.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestBothTwinsOfAFailureLookAlikeToTheCaller(t *testing.T) {
	own := errors.New("own error")
	for _, test := range []struct {
		op     faulty.Op
		do     faulty.Action
		before bool // the object is there before
		after  bool // and after
	}{
		{faulty.Put, faulty.Fail(own), false, false},
		{faulty.Put, faulty.Cut(5, own), false, false},
		{faulty.Put, faulty.Lose(own), false, true},
		{faulty.Delete, faulty.Fail(own), true, true},
		{faulty.Delete, faulty.Lose(own), true, false},
		{faulty.Stage, faulty.Fail(own), false, false},
		{faulty.Stage, faulty.Cut(5, own), false, false},
		{faulty.Commit, faulty.Fail(own), false, false},
		{faulty.Commit, faulty.Lose(own), false, true},
	} {
		inner := directory(t)
		if test.before {
			if _, err := call(t.Context(), inner, faulty.Put); err != nil {
				t.Fatal(err)
			}
		}
		script := faulty.NewScript(faulty.Fault{Op: test.op, Do: test.do})
		_, err := call(t.Context(), faulty.New(inner, script), test.op)
		if !errors.Is(err, own) || !errors.Is(err, faulty.ErrInjected) {
			t.Errorf("%v: %v, want the injected error", test, err)
		}
		if got := exists(t, inner); got != test.after {
			t.Errorf("%v: the object is there: %v, want %v", test, got, test.after)
		}
		if unmet := script.Unmet(); len(unmet) > 0 {
			t.Errorf("%v: unmet %v", test, unmet)
		}
	}
}

func TestReadingFaultsGiveWhatTheyPromise(t *testing.T) {
	inner := directory(t)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := inner.Put(t.Context(), name, strings.NewReader("0123456789"), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		op   faulty.Op
		do   faulty.Action
		want string
		fail bool
	}{
		{faulty.Get, faulty.Fail(nil), "", true},
		{faulty.Get, faulty.Lose(nil), "", true},
		{faulty.Get, faulty.Cut(0, nil), "", true},
		{faulty.Get, faulty.Cut(4, nil), "0123", true},
		{faulty.Get, faulty.Corrupt(0), "1123456789", false},
		{faulty.Get, faulty.Corrupt(9), "0123456788", false},
		{faulty.Get, faulty.Slow(time.Microsecond), "0123456789", false},
		{faulty.List, faulty.Fail(nil), "", true},
		{faulty.List, faulty.Cut(2, nil), "a b", true},
		{faulty.List, faulty.Lose(nil), "a b c", true},
		{faulty.Stat, faulty.Fail(nil), "", true},
	} {
		script := faulty.NewScript(faulty.Fault{Op: test.op, Do: test.do})
		got, err := call(t.Context(), faulty.New(inner, script), test.op)
		if got != test.want || (err != nil) != test.fail {
			t.Errorf("%v: %q, %v", test, got, err)
		}
		if unmet := script.Unmet(); len(unmet) > 0 {
			t.Errorf("%v: unmet %v", test, unmet)
		}
	}
}

func TestAStallEndsOnlyWithTheContext(t *testing.T) {
	for _, op := range []faulty.Op{faulty.Put, faulty.Get, faulty.Stat, faulty.List, faulty.Delete, faulty.Stage, faulty.Commit} {
		inner := directory(t)
		if _, err := call(t.Context(), inner, faulty.Put); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			start := time.Now()
			_, err := call(ctx, faulty.New(inner, faulty.NewScript(faulty.Fault{Op: op, Do: faulty.Stall(0)})), op)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
				t.Errorf("%s: %v after %v, want the deadline after an hour", op, err, time.Since(start))
			}
		})
	}
}

func TestAScriptHitsTheOperationsItNames(t *testing.T) {
	store := directory(t)
	script := faulty.NewScript(
		faulty.Fault{Op: faulty.Stat, Name: "b", Do: faulty.Fail(nil)},
		faulty.Fault{Op: faulty.Stat, Name: "a", Skip: 1, Times: 2, Every: 2, Do: faulty.Fail(nil)},
		faulty.Fault{Op: faulty.Get, Do: faulty.Fail(nil)},
	)
	wrapped := faulty.New(store, script)
	var failed []int
	for i := range 8 {
		if _, err := wrapped.Stat(t.Context(), "a"); errors.Is(err, faulty.ErrInjected) {
			failed = append(failed, i)
		}
	}
	if len(failed) != 2 || failed[0] != 1 || failed[1] != 3 {
		t.Errorf("failed calls: %v, want 1 and 3", failed)
	}
	if unmet := script.Unmet(); len(unmet) != 2 {
		t.Errorf("unmet: %v, want those of b and of Get", unmet)
	}
}
