//go:build unix

package mvcc

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// maxMapSize leaves the lower half of a 32-bit address space to everything else.
const maxMapSize = math.MaxInt / 2

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(data []byte) error {
	return unix.Munmap(data)
}
