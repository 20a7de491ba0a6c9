package local

import (
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Ancestors returns a store for each directory above this one, nearest first.
func (s *Store) Ancestors() []blob.Store {
	var above []blob.Store
	for dir := filepath.Dir(s.dir); ; dir = filepath.Dir(dir) {
		above = append(above, &Store{dir: dir})
		if dir == filepath.Dir(dir) {
			return above
		}
	}
}
