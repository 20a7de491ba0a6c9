package snapshot

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
)

// Source is a stored payload that can be read as often as needed.
type Source interface {
	// Name is the file's name, without a folder.
	Name() string
	// Location is for messages and manifests.
	Location() string
	// Size in bytes, as stored.
	Size() int64
	// Open returns the stored bytes from the start. Reading less than Size bytes before io.EOF is an error that the
	// reader reports.
	Open(ctx context.Context) (io.ReadCloser, error)
	// Path is the file in the local file system, "" when there is none.
	Path() string
}

// FileSource is a payload in the local file system.
func FileSource(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return fileSource{path: abs, size: info.Size()}, nil
}

type fileSource struct {
	path string
	size int64
}

func (s fileSource) Name() string     { return filepath.Base(s.path) }
func (s fileSource) Location() string { return s.path }
func (s fileSource) Size() int64      { return s.size }
func (s fileSource) Path() string     { return s.path }

func (s fileSource) Open(context.Context) (io.ReadCloser, error) { return os.Open(s.path) }

// StoreSource is a payload in a store: exactly the version that info describes, so that an object which is replaced
// meanwhile is an error and never half of each.
func StoreSource(store blob.Store, info blob.Info) Source {
	return storeSource{store: store, info: info}
}

// Requests of this size, so many at once, keep a fast line busy and take 16 MiB of memory.
const (
	fetchChunk    = 4 << 20
	fetchParallel = 4
)

type storeSource struct {
	store blob.Store
	info  blob.Info
}

func (s storeSource) Name() string     { return s.info.Name }
func (s storeSource) Location() string { return s.store.Location(s.info.Name) }
func (s storeSource) Size() int64      { return s.info.Size }

func (s storeSource) Path() string {
	u, err := url.Parse(s.Location())
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return u.Path
}

func (s storeSource) Open(ctx context.Context) (io.ReadCloser, error) {
	if s.Path() != "" {
		return s.store.Get(ctx, s.info.Name, 0, -1, s.info.Version)
	}
	return ranged.NewReader(ctx, s.store, s.info, ranged.Config{Chunk: fetchChunk, Parallel: fetchParallel})
}
