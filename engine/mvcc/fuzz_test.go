package mvcc

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile gives every method arbitrary bytes. They may refuse them, and nothing else; what Content accepts, bbolt must
// open, check and read. Run it with -fuzzminimizetime 20x: minimizing a database takes the whole time otherwise. With seal the checksums of the metas are put right first, so that the fuzzer gets past them.
func FuzzFile(f *testing.F) {
	const pageSize = 1024
	for _, path := range []string{sampleOf(f, 3), sampleOf(f, 40)} {
		for _, freelist := range []bool{false, true} {
			f.Add([]byte(rebuild(f, path, pageSize, freelist)), true)
		}
	}
	f.Add([]byte{}, false)
	f.Add(make([]byte, 4096), true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if m := image(bytes.Clone(data)); seal && len(m) >= 2*pageSize {
			m.sealMetas(pageSize)
			data = m
		}
		content, err := contentOf(t, data, true)
		if err != nil {
			return
		}
		path := filepath.Join(dir, "accepted")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		dump(t, path, content.Structure.MetaDamage)
	})
}

// sampleOf is a database with a few records and every bucket filled.
func sampleOf(t testing.TB, records int) string {
	t.Helper()
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	s.settle()
	for i := range records {
		s.put(string(rune('a'+i%20)), "value")
	}
	s.delete("a")
	path := s.path + ".snapshot"
	s.snapshot(path)
	s.stop()
	return path
}
