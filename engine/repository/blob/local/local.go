// Package local keeps objects as files below one directory.
//
// An object is a regular file; its name is its path below the directory. A write goes to a file that List ignores
// (".holdfast-<random>.part", mode 0600), which its writer holds locked, and is synced and renamed into place. So a
// power cut leaves the old object or the new one, and whoever finds an unlocked unfinished file knows that its writer
// is dead. Symbolic links, devices and directories are no objects, and no name leads out of the directory.
//
// The directory is opened anew by each operation: a file system that holds backups must stay possible to unmount, and
// a directory that has gone is told from an object that has gone.
//
// The package must not know what the files mean. Start reading at [New], then staged.go for how a file gets in.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// What a store may do is for its owner alone: snapshots hold every Secret of a cluster.
const (
	fileMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o700
)

// Config says which directory.
type Config struct {
	// Dir is the directory. It may be a symbolic link; what lies below it may not lead out of it.
	Dir string
	// Create makes the directory, mode 0700, when it is missing. Otherwise New returns blob.ErrNoStore, so that the
	// mount point of a disk that is not mounted, or a mistyped path, is not silently filled.
	Create bool
}

// Store is a directory. It implements [blob.Store], [blob.Featured], [blob.Stager] and [blob.Janitor].
type Store struct {
	dir       string
	tidyFirst sync.Once
}

// New checks, or creates, the directory.
func New(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("a local store needs a directory")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if cfg.Create {
		if err := durable.MkdirAll(dir, dirMode); err != nil {
			return nil, fmt.Errorf("create %s: %w", dir, uncreated(dir, err))
		}
	}
	s := &Store{dir: dir}
	root, err := s.enter(context.Background())
	if err != nil {
		return nil, err
	}
	return s, root.Close()
}

// enter opens the directory for one operation. Everything is named relative to what it returns: the kernel then keeps
// links from leading out of it.
func (s *Store) enter(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, noStore(s.dir, err)
	}
	return root, nil
}

// Features: names are claimed atomically; files carry no metadata.
func (s *Store) Features() blob.Features {
	return blob.Features{AtomicIfAbsent: true}
}

// Location is a file URL.
func (s *Store) Location(name string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(s.dir, filepath.FromSlash(name)))}).String()
}

// Close does nothing: no operation leaves anything open.
func (s *Store) Close() error { return nil }

// path is for the calls that only take one: syncing a directory, and programs that are handed a file name.
func (s *Store) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

var (
	_ blob.Store    = (*Store)(nil)
	_ blob.Featured = (*Store)(nil)
	_ blob.Stager   = (*Store)(nil)
	_ blob.Janitor  = (*Store)(nil)
)
