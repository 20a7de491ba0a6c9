package repository_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

// readOnly refuses to write, for the given reason.
type readOnly struct {
	blob.Store
	why error
}

func (r readOnly) Put(context.Context, string, io.Reader, blob.PutOptions) (blob.Info, error) {
	return blob.Info{}, fmt.Errorf("put: %w", r.why)
}

func TestWhoMayNotWriteGetsVerdictsOnReading(t *testing.T) {
	full, empty := localtest.New(t), localtest.New(t)
	put(t, full, "empty", nil)
	put(t, full, "nightly.db", like())
	needs := "needs write"
	for name, c := range map[string]struct {
		store blob.Store
		want  map[string]string
	}{
		"all rights": {full, map[string]string{
			"write": "yes", "list": "yes", "read": "yes", "ranged read": "yes", "large write": "yes", "delete": "yes",
			"clean up": "yes",
		}},
		"something to read": {readOnly{full, blob.ErrDenied}, map[string]string{
			"write": "no", "list": "yes", "read": "yes", "ranged read": "yes", "large write": needs, "delete": needs,
			"clean up": "nothing can be left behind here",
		}},
		"nothing to read": {readOnly{empty, blob.ErrDenied}, map[string]string{
			"write": "no", "list": "yes", "read": "needs write, or something to read",
			"ranged read": "needs write, or something to read", "large write": needs, "delete": needs,
			"clean up": "nothing can be left behind here",
		}},
		"one that refuses only to read": {denying{readOnly{full, blob.ErrDenied}, "nightly.db"}, map[string]string{
			"write": "no", "list": "yes", "read": "no", "ranged read": "no", "large write": needs, "delete": needs,
			"clean up": "nothing can be left behind here",
		}},
		"it is not the rights": {readOnly{full, errors.New("connection refused")}, map[string]string{
			"write": "no", "list": needs, "read": needs, "ranged read": needs, "large write": needs, "delete": needs,
			"clean up": needs,
		}},
	} {
		got := map[string]string{}
		for _, p := range open(c.store, time.Now).Test(t.Context()) {
			switch {
			case p.Skipped != "":
				got[p.Right] = p.Skipped
			case p.Err != nil:
				got[p.Right] = "no"
			default:
				got[p.Right] = "yes"
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", name, diff)
		}
	}
}
