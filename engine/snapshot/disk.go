package snapshot

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// diskProblem words what the local file system said while it was written to. Errors of another kind are returned as they
// are, wrapped; those that are explained already, and what a store said, as they are.
func diskProblem(op, path string, err error) error {
	p := &problem.Error{Op: op, Subject: path, Err: err}
	var explained *problem.Error
	switch {
	case errors.As(err, &explained), errors.Is(err, blob.ErrDenied), errors.Is(err, blob.ErrNotExist), errors.Is(err, blob.ErrNoStore):
		return err
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, blob.ErrNoSpace):
		p.Kind, p.Why = problem.NoSpace, "the disk is full"
		p.Next = "free some space or choose another directory; nothing was left behind"
	case errors.Is(err, unix.EROFS):
		p.Kind, p.Why = problem.Refused, "the file system is read-only"
		p.Next = "choose another directory, or remount it writable"
	case errors.Is(err, fs.ErrPermission):
		p.Kind, p.Why = problem.Denied, "this user may not write there"
		p.Next = "run as a user who may, or choose another directory"
	case errors.Is(err, unix.ENOTDIR):
		p.Kind, p.Why = problem.Refused, "a file is in the way"
		p.Next = "choose another directory"
	case errors.Is(err, unix.ELOOP):
		p.Kind, p.Why = problem.Refused, "its symbolic links go round in a circle"
		p.Next = "correct the link, or choose another directory"
	case errors.Is(err, unix.ENAMETOOLONG):
		p.Kind, p.Why = problem.Refused, "the name is too long for this file system"
		p.Next = "choose a shorter name"
	case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY):
		p.Kind, p.Why = problem.Refused, "it appeared meanwhile"
		p.Next = "find out who else is writing there, then try again"
	default:
		return fmt.Errorf("%s %s: %w", op, path, err)
	}
	return p
}

// readProblem words why a file of this machine cannot be read.
func readProblem(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &problem.Error{
			Kind: problem.Denied, Op: "read", Subject: path, Why: "this user may not read it", Err: err, Next: "run as a user who may",
		}
	case errors.Is(err, fs.ErrNotExist):
		return &problem.Error{Kind: problem.NotFound, Op: "read", Subject: path, Err: err}
	}
	return err
}
