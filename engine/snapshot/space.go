package snapshot

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// DefaultMinFree asks for the usual reserve: 10 % of the file system, but at least 1 GiB.
const DefaultMinFree int64 = -1

// requireSpace refuses, before the first write, what would leave less than minFree bytes on the file system of dir.
func requireSpace(op, dir string, need, minFree int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	if minFree < 0 {
		minFree = max(1<<30, int64(fs.Blocks)*fs.Bsize/10)
	}
	if free-need >= minFree {
		return nil
	}
	return &problem.Error{
		Kind: problem.NoSpace, Op: op, Subject: dir,
		Why: fmt.Sprintf("%s are free, %s are needed and %s must stay free",
			humanize.IBytes(uint64(free)), humanize.IBytes(uint64(need)), humanize.IBytes(uint64(minFree))),
		Next: "free some space, choose another directory, or lower --min-free",
	}
}
