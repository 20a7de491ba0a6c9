package snapshot

import (
	"fmt"
	"os"
)

// DefaultSpoolDir is where large temporary files go when nobody says otherwise: TMPDIR, else /var/tmp, because /tmp is
// often memory.
func DefaultSpoolDir() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	return "/var/tmp"
}

// newSpool opens a temporary file that has no name any more, readable by nobody else: whatever ends the process frees
// its space.
func newSpool(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".holdfast-spool-*")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("unlink a temporary file: %w", err)
	}
	return f, nil
}
