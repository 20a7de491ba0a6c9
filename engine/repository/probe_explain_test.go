package repository_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

// The next step of a test cannot be the test.
func TestAMissingRightIsToldWithWhatGrantsIt(t *testing.T) {
	for _, p := range open(localtest.New(t), time.Now).Test(t.Context()) {
		if err := p.Explain("s3://b"); err != nil {
			t.Errorf("%s: %v", p.Right, err)
		}
		p.Err = fmt.Errorf("x: %w", blob.ErrDenied)
		err := p.Explain("s3://b")
		next := problem.NextOf(err)
		if problem.KindOf(err) != problem.Denied || !strings.Contains(next, "grant s3:") || strings.Contains(next, "repo test") {
			t.Errorf("%s: %v, next: %s", p.Right, err, next)
		}
		p.Err = fmt.Errorf("%w: %w", blob.ErrDenied, fs.ErrPermission) // a directory's
		if next := problem.NextOf(p.Explain("file:///b")); strings.Contains(next, "s3:") {
			t.Errorf("%s of a directory: next: %s", p.Right, next)
		}
	}
}
