package local

import (
	"path/filepath"
	"slices"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Ancestors returns a store for each directory above this one, nearest first. Where a symbolic link is on the way, the
// directories above where it leads come after those above the link.
func (s *Store) Ancestors() []blob.Store {
	dirs := above(s.dir)
	if real, err := filepath.EvalSymlinks(s.dir); err == nil {
		for _, dir := range above(real) {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	var stores []blob.Store
	for _, dir := range dirs {
		stores = append(stores, &Store{dir: dir})
	}
	return stores
}

func above(dir string) []string {
	var dirs []string
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
}
