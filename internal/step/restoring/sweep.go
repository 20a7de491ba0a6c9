package restoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Sweep removes snapshots that were fetched for operations other than the given one: such an operation was left without a
// commit or an undo, and nobody will ask for its snapshot again.
func Sweep(stateDir, uid string) error {
	dir := filepath.Join(stateDir, "restore")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for fetched snapshots: %w", err)
	}
	for _, e := range entries {
		if e.Name() == uid {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove a fetched snapshot: %w", err)
		}
	}
	return nil
}
