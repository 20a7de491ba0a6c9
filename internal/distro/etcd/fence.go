package etcd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// fence is a file: while it exists, etcd must not start.
type fence struct{ dir string }

func (f fence) path() string { return filepath.Join(f.dir, "fence") }

func (f fence) up() (bool, error) {
	_, err := os.Lstat(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (f fence) remove() error { return durable.Remove(f.path()) }
