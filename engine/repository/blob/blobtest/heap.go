package blobtest

import (
	"runtime"
	"testing"
)

// PeakHeap runs work and returns by how many bytes the live heap was larger meanwhile than before, at its largest.
// Garbage does not count: it is collected before each look.
func PeakHeap(t testing.TB, work func()) uint64 {
	t.Helper()
	before := liveHeap()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := before
		for {
			highest = max(highest, liveHeap())
			select {
			case <-done:
				peak <- highest - before
				return
			default:
			}
		}
	}()
	work()
	close(done)
	return <-peak
}

func liveHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
