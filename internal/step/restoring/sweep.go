package restoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// keepFetched is how long something that was fetched for a restore is kept for it: no plan waits longer for its approval, and
// a manager that is gone takes nothing back.
const keepFetched = 25 * time.Hour

// Sweep removes what was brought to this machine for operations that the plan in force does not name, below the agent's state
// directory and the one for secrets: such an operation has ended, or was left without a commit or an undo, and nobody will
// ask for it again.
func Sweep(stateDir, secretDir string, plan v1alpha1.MachinePlanSpec, now time.Time) error {
	uid := ""
	if plan.Operation != nil {
		uid = plan.Operation.UID
	}
	current := func(e fs.DirEntry) bool { return e.Name() == uid }
	wanted := func(e fs.DirEntry) bool {
		info, err := e.Info()
		return current(e) || slices.Contains(plan.Keep, e.Name()) && err == nil && now.Sub(info.ModTime()) < keepFetched
	}
	return errors.Join(sweep(filepath.Join(stateDir, "restore"), wanted), sweep(secretDir, current))
}

func sweep(dir string, stays func(fs.DirEntry) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for what operations left: %w", err)
	}
	for _, e := range entries {
		if stays(e) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove what an operation left: %w", err)
		}
	}
	return nil
}
