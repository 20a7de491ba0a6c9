package s3

import (
	"strings"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Ancestors returns a store for each folder above this one, nearest first; the last is the whole bucket. A store of
// the whole bucket has none.
func (s *Store) Ancestors() []blob.Store {
	var above []blob.Store
	for prefix := s.cfg.Prefix; prefix != ""; {
		prefix = prefix[:max(strings.LastIndexByte(prefix, '/'), 0)]
		parent := &Store{cfg: s.cfg, core: s.core, transport: s.transport, keys: s.keys, uploads: map[string]bool{}}
		parent.cfg.Prefix = prefix
		above = append(above, parent)
	}
	return above
}
