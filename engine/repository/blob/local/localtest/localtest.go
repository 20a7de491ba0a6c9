// Package localtest describes a directory to the conformance suite, so that the directory itself and every decorator
// over one are held to the whole contract, unfinished files included. Start reading at [Suite].
package localtest

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
)

// New returns an empty directory that ends with the test.
func New(t testing.TB) *local.Store {
	t.Helper()
	return Open(t, t.TempDir())
}

// Open returns a directory that is there.
func Open(t testing.TB, dir string) *local.Store {
	t.Helper()
	store, err := local.New(local.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Suite is the conformance suite for directories, each wrapped as the function does.
func Suite(wrap func(blob.Store) blob.Store) blobtest.Suite {
	var dirs sync.Map // of each store
	dirOf := func(store blob.Store) string {
		dir, _ := dirs.Load(store)
		return dir.(string)
	}
	add := func(t *testing.T, dir string) blob.Store {
		store := wrap(Open(t, dir))
		dirs.Store(store, dir)
		return store
	}
	return blobtest.Suite{
		New:     func(t *testing.T) blob.Store { return add(t, t.TempDir()) },
		Again:   func(t *testing.T, store blob.Store) blob.Store { return add(t, dirOf(store)) },
		Remains: func(t *testing.T, store blob.Store, _ string) []string { return Unfinished(t, dirOf(store)) },
		Abandon: func(t *testing.T, store blob.Store, name string) {
			folder := filepath.Dir(filepath.Join(dirOf(store), name))
			file := filepath.Join(folder, blob.TemporaryName(rand.Text()))
			if err := os.WriteFile(file, []byte("half of it"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// Unfinished returns the paths of all unfinished files below a directory.
func Unfinished(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if blob.IsTemporary(filepath.Base(path)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
