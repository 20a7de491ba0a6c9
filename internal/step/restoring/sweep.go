package restoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Sweep removes what was brought to this machine for operations other than the given one, below the agent's state directory
// and the one for secrets: such an operation was left without a commit or an undo, and nobody will ask for it again.
func Sweep(stateDir, secretDir, uid string) error {
	return errors.Join(sweep(filepath.Join(stateDir, "restore"), uid), sweep(secretDir, uid))
}

func sweep(dir, uid string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for what operations left: %w", err)
	}
	for _, e := range entries {
		if e.Name() == uid {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove what an operation left: %w", err)
		}
	}
	return nil
}
