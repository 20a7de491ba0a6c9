package durable

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked: somebody else, who is alive, holds the lock.
var ErrLocked = errors.New("locked by a running process")

// Lock takes the exclusive lock of an existing file or directory without waiting. The lock ends when the returned file
// is closed, and when the process dies in whatever way: so what is not locked has no living owner. It returns
// ErrLocked when another open file holds it.
func Lock(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", path, ErrLocked)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
