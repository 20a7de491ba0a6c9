package snapshot

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// DefaultMinFree asks for the usual reserve: 10 % of the file system, but at least 1 GiB.
const DefaultMinFree int64 = -1

// claim is a number of bytes that will be written below a directory, which need not exist yet.
type claim struct {
	dir   string
	bytes int64
}

// requireSpace refuses, before the first write, what would leave less than minFree bytes on a file system. Claims on one
// file system add up.
func requireSpace(op string, minFree int64, claims ...claim) error {
	var devices []uint64
	sums := map[uint64]claim{}
	for _, c := range claims {
		dir, device, err := nearest(c.dir)
		if err != nil {
			return fmt.Errorf("free space of %s: %w", c.dir, err)
		}
		sum, known := sums[device]
		if !known {
			devices, sum.dir = append(devices, device), dir
		}
		sum.bytes += c.bytes
		sums[device] = sum
	}
	for _, device := range devices {
		if err := require(op, sums[device], minFree); err != nil {
			return err
		}
	}
	return nil
}

// RequireSpace refuses, before the first write, what would leave less than minFree bytes on the file system of a directory.
func RequireSpace(op, dir string, bytes, minFree int64) error {
	return requireSpace(op, minFree, claim{dir, bytes})
}

// nearest is the directory itself, or the first above it that exists.
func nearest(dir string) (string, uint64, error) {
	for {
		var stat unix.Stat_t
		err := unix.Stat(dir, &stat)
		if err == nil {
			return dir, stat.Dev, nil
		}
		if !errors.Is(err, unix.ENOENT) || dir == filepath.Dir(dir) {
			return "", 0, err
		}
		dir = filepath.Dir(dir)
	}
}

// FreeSpace is how many bytes this user may still write on the file system of an existing directory.
func FreeSpace(dir string) (int64, error) {
	free, _, err := space(dir)
	return free, err
}

func space(dir string) (free, total int64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}

func require(op string, c claim, minFree int64) error {
	free, total, err := space(c.dir)
	if err != nil {
		return err
	}
	if minFree < 0 {
		minFree = max(1<<30, total/10)
	}
	if free-c.bytes >= minFree {
		return nil
	}
	return &problem.Error{
		Kind: problem.NoSpace, Op: op, Subject: c.dir,
		Why: fmt.Sprintf("%s are free, %s are needed and %s must stay free",
			humanize.IBytes(uint64(free)), humanize.IBytes(uint64(c.bytes)), humanize.IBytes(uint64(minFree))),
		Next: "free some space, choose another directory, or lower --min-free",
	}
}
