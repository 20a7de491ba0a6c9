// Package apart keeps one folder of a store in another store.
//
// It exists for directories that belong to somebody else: k3s and rke2 take every file below their snapshot directory for
// a snapshot, so what Holdfast writes beside the snapshots has to lie elsewhere. Whoever reads and writes does not notice.
// Start reading at [New].
package apart

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/internal/forward"
)

// Config says which folder is kept where.
type Config struct {
	// Store holds everything else. What it has in the folder itself is not seen.
	Store blob.Store
	// Folder that is kept apart, without a slash at its end.
	Folder string
	// Beside holds the folder, under its whole names.
	Beside blob.Store
}

type store struct {
	main, beside blob.Store
	prefix       string
}

// New returns both as one store, which closes both. No file can be staged into it, since nobody knows at that time into
// which of them it will go.
func New(cfg Config) blob.Store {
	s := &store{main: cfg.Store, beside: cfg.Beside, prefix: cfg.Folder + "/"}
	return forward.Optional(s, nil, s)
}

// of is the store that keeps a name.
func (s *store) of(name string) blob.Store {
	if strings.HasPrefix(name, s.prefix) {
		return s.beside
	}
	return s.main
}

// Features are those of both.
func (s *store) Features() blob.Features {
	a, b := forward.Features(s.main), forward.Features(s.beside)
	return blob.Features{Metadata: a.Metadata && b.Metadata, AtomicIfAbsent: a.AtomicIfAbsent && b.AtomicIfAbsent}
}

// Put implements blob.Store.
func (s *store) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	return s.of(name).Put(ctx, name, r, opts)
}

// Get implements blob.Store.
func (s *store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	return s.of(name).Get(ctx, name, offset, length, match)
}

// Stat implements blob.Store.
func (s *store) Stat(ctx context.Context, name string) (blob.Info, error) {
	return s.of(name).Stat(ctx, name)
}

// Delete implements blob.Store.
func (s *store) Delete(ctx context.Context, name string) error {
	return s.of(name).Delete(ctx, name)
}

// Location implements blob.Store.
func (s *store) Location(name string) string { return s.of(name).Location(name) }

// Close implements blob.Store.
func (s *store) Close() error { return errors.Join(s.main.Close(), s.beside.Close()) }

// Sweep implements blob.Janitor, for those of the two that are one.
func (s *store) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	removed := 0
	for _, part := range []blob.Store{s.main, s.beside} {
		janitor := forward.Janitor(part)
		if janitor == nil {
			continue
		}
		n, err := janitor.Sweep(ctx, olderThan)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// List implements blob.Store. In byte order all names of the folder stand together: what comes before them in the main
// store, they, the rest.
func (s *store) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	if strings.HasPrefix(prefix, s.prefix) {
		return s.beside.List(ctx, prefix, fn)
	}
	folder := func() error {
		if !strings.HasPrefix(s.prefix, prefix) {
			return nil
		}
		return s.beside.List(ctx, s.prefix, fn)
	}
	told := false
	err := s.main.List(ctx, prefix, func(info blob.Info) error {
		if strings.HasPrefix(info.Name, s.prefix) {
			return nil
		}
		if !told && info.Name > s.prefix {
			told = true
			if err := folder(); err != nil {
				return err
			}
		}
		return fn(info)
	})
	if err != nil || told {
		return err
	}
	return folder()
}
