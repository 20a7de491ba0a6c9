package repository

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func TestEachTroubleWithAStoreNamesItsCauseAndTheNextStep(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind problem.Kind
		says string
		next string
	}{
		{blob.ErrNoStore, problem.NotFound, "the bucket or directory does not exist", "holdfast creates no bucket"},
		{blob.ErrClockSkew, problem.Denied, "this machine's clock differs too much", "set this machine's clock"},
		{blob.ErrCredentials, problem.Denied, "the credentials were not accepted", "check the access key and secret key"},
		{blob.ErrDenied, problem.Denied, "access denied", "holdfast repo test"},
		{blob.ErrTLS, problem.Unreachable, "certificate is not trusted", "--s3-ca-file"},
		{blob.ErrPlain, problem.Unreachable, "plain http", "--s3-insecure"},
		{blob.ErrBusy, problem.Unreachable, "too busy", "try again later"},
		{blob.ErrStray, problem.Unreachable, "no S3 server", "host and port"},
		{blob.ErrRegion, problem.Usage, "another region", "--s3-region"},
		{blob.ErrNoSpace, problem.NoSpace, "no space is left", "prune"},
		{blob.ErrNotExist, problem.NotFound, "no such object", "holdfast repo ls"},
		{blob.ErrChanged, problem.Refused, "replaced while it was being read", "try again"},
		{blob.ErrExists, problem.Refused, "the name is taken", "--name"},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, problem.Unreachable, "does not answer", "host and port"},
		{context.DeadlineExceeded, problem.Unreachable, "does not answer", "host and port"},
	} {
		err := Explain("list", "s3://backups/prod", fmt.Errorf("get x: %w", c.err))
		text := err.Error()
		if problem.KindOf(err) != c.kind || !strings.Contains(text, c.says) || !strings.Contains(problem.NextOf(err), c.next) {
			t.Errorf("%v: kind %d, %s", c.err, problem.KindOf(err), text)
		}
		if !errors.Is(err, c.err) || !strings.HasPrefix(text, "list s3://backups/prod: ") {
			t.Errorf("%v lost its cause or its place: %s", c.err, text)
		}
	}
}

func TestWhatIsExplainedOrUnknownStaysAsItIs(t *testing.T) {
	known := &problem.Error{Kind: problem.Damaged, Why: "x"}
	unknown := errors.New("never heard of")
	for _, err := range []error{nil, known, unknown, fmt.Errorf("a: %w", known), context.Canceled} {
		if got := Explain("list", "s3://b", err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
