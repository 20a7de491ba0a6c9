package local_test

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// BenchmarkStage writes a file as a snapshot stream does. commit-ms is what the caller waits for after the last byte:
// mostly the fsync, which has little left to do because writing to disk began early.
func BenchmarkStage(b *testing.B) {
	const size, piece = 512 << 20, 1 << 20
	store, buffer := open(b, b.TempDir()), make([]byte, piece)
	b.SetBytes(size)
	var committing time.Duration
	for b.Loop() {
		staged, err := store.Stage(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for range size / piece {
			if _, err := staged.Write(buffer); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		if _, err := staged.Commit(b.Context(), "a", blob.PutOptions{}); err != nil {
			b.Fatal(err)
		}
		committing += time.Since(start)
	}
	b.ReportMetric(float64(committing.Milliseconds())/float64(b.N), "commit-ms")
}
