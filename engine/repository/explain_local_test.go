package repository_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
)

// What the kernel says of a disk is a net.Error too, by its methods.
func TestTroubleWithADiskIsNotTakenForTroubleWithTheNetwork(t *testing.T) {
	disk := func(number syscall.Errno) error { return &os.PathError{Op: "write", Path: "/backup/x", Err: number} }
	for _, c := range []struct {
		err  error
		kind problem.Kind
	}{
		{disk(syscall.EIO), problem.Failed},
		{disk(syscall.ENOENT), problem.Failed},
		{fmt.Errorf("%w: %w", blob.ErrDenied, disk(syscall.EROFS)), problem.Denied},
		{fmt.Errorf("%w: %w", blob.ErrNoSpace, disk(syscall.ENOSPC)), problem.NoSpace},
		{&net.OpError{Op: "dial", Err: disk(syscall.ECONNREFUSED)}, problem.Unreachable},
		{syscall.ECONNRESET, problem.Unreachable},
		{syscall.ETIMEDOUT, problem.Unreachable},
		{fmt.Errorf("given up: %w", transient{io.EOF}), problem.Unreachable},
		{faulty.ErrInjected, problem.Failed},
	} {
		if got := problem.KindOf(repository.Explain("save to", "file:///backup", c.err)); got != c.kind {
			t.Errorf("%v: kind %d, want %d", c.err, got, c.kind)
		}
	}
}

// transient is what a store says of a connection that it lost.
type transient struct{ error }

func (transient) Transient() bool { return true }
