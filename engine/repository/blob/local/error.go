package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// classify adds the sentinel that callers branch on to an error of the file system.
func classify(err error) error {
	for _, class := range []struct {
		sentinel error
		causes   []error
	}{
		{blob.ErrNoSpace, []error{syscall.ENOSPC, syscall.EDQUOT}},
		{blob.ErrDenied, []error{syscall.EACCES, syscall.EPERM, syscall.EROFS}},
		{blob.ErrName, []error{syscall.ENAMETOOLONG}},
	} {
		for _, cause := range class.causes {
			if errors.Is(err, cause) {
				return fmt.Errorf("%w: %w", class.sentinel, err)
			}
		}
	}
	return err
}

// missing says that the object, or a folder on the way to it, is not there. A file where a folder should be
// (ENOTDIR) means the same to who asks for an object.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// noStore is the error for a directory that cannot be entered.
func noStore(dir string, err error) error {
	info, statErr := os.Stat(dir)
	if missing(statErr) || statErr == nil && !info.IsDir() {
		return fmt.Errorf("%w: %w", blob.ErrNoStore, err)
	}
	return fmt.Errorf("open %s: %w", dir, classify(err))
}
