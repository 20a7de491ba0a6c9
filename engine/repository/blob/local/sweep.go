package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

const (
	// tidyAge is the age at which the first write of a process removes what dead ones have left on a file system that
	// other machines may use too: it may be mounted so that they do not see each other's locks, and a writer there
	// shows that it lives by writing.
	tidyAge = time.Hour
	// unlockableAge is the age at which an unfinished file counts as dead on a file system without locks.
	unlockableAge = 24 * time.Hour
)

// Sweep removes unfinished files that no writer holds locked. The lock shows a living writer at any age, on this
// machine and, where the file system carries locks over, on others.
func (s *Store) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	root, err := s.enter(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", s.Location(""), err)
	}
	defer root.Close()
	n, err := s.sweep(ctx, root, olderThan)
	if err != nil {
		return n, fmt.Errorf("sweep %s: %w", s.Location(""), err)
	}
	return n, nil
}

// tidy gives the space of dead writers back before a new one needs it: after a crash the second try must not find the
// disk filled by the first. On a disk of this machine the locks alone tell who lives. That it cannot must not stop the
// new writer, and Sweep would report the same error.
func (s *Store) tidy(ctx context.Context, root *os.Root) {
	age := tidyAge
	if ofThisMachine(root) {
		age = 0
	}
	_, _ = s.sweep(ctx, root, age)
}

func (s *Store) sweep(ctx context.Context, root *os.Root, olderThan time.Duration) (int, error) {
	removed := 0
	err := walk(ctx, root, ".", "", func(name string, info fs.FileInfo) error {
		age := time.Since(info.ModTime())
		if !blob.IsTemporary(path.Base(name)) || age < olderThan {
			return nil
		}
		dead, err := s.removeDead(root, name, age)
		if dead {
			removed++
		}
		return err
	})
	return removed, err
}

// removeDead removes the file while it holds its lock, so that no other sweep and no writer can be in between.
func (s *Store) removeDead(root *os.Root, name string, age time.Duration) (dead bool, err error) {
	file, err := root.OpenFile(name, os.O_RDWR, 0)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, classify(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	switch lock(file) {
	case heldByOther:
		return false, nil
	case noLocks:
		if age < unlockableAge {
			return false, nil
		}
	case held:
	}
	if !sameFile(root, name, file) {
		return false, nil // published or removed since
	}
	if err := root.Remove(name); err != nil {
		return false, classify(err)
	}
	return true, durable.SyncDir(s.path(path.Dir(name)))
}
