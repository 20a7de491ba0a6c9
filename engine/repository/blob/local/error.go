package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// vanished is classify for the last steps of a write. What they can miss is only the directory itself: somebody removed
// it, or the unfinished file in it, since the write began.
func vanished(err error) error {
	if missing(err) {
		return fmt.Errorf("%w any more: %w", blob.ErrNoStore, err)
	}
	return classify(err)
}

// uncreated is classify for a directory that could not be made. A file where it, or a folder on the way to it, should
// be is no store.
func uncreated(dir string, err error) error {
	for above := dir; ; above = filepath.Dir(above) {
		switch info, statErr := os.Stat(above); {
		case statErr == nil && !info.IsDir():
			return fmt.Errorf("%w: %s is a file", blob.ErrNoStore, above)
		case statErr == nil, above == filepath.Dir(above):
			return classify(err)
		}
	}
}
