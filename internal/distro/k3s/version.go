package k3s

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"sync"
	"syscall"
)

// versions remembers what a program said of itself for as long as its file is the same: the agent looks often, and the
// programs are big.
type versions struct {
	mu   sync.Mutex
	file identity
	said string
}

// identity tells whether a file is still the one that it was.
type identity struct {
	path          string
	inode         uint64
	size, changed int64
}

func identify(path string) (identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, err
	}
	id := identity{path: path, size: info.Size(), changed: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.inode = stat.Ino
	}
	return id, nil
}

// version of the installed program.
func (d *Driver) version(ctx context.Context, n *node) (string, error) {
	file, err := identify(n.program())
	if err != nil {
		return "", fmt.Errorf("find the program of %s: %w", n.flavour.Name, err)
	}
	v := &d.versions
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.said != "" && v.file == file {
		return v.said, nil
	}
	said, err := n.cli().version(ctx)
	if err == nil {
		v.file, v.said = file, said
	}
	return said, err
}

// etcds are the versions of etcd that the minors of the distributions run. It is their storage that matters, and with it the
// first two numbers.
var etcds = map[string]string{"1.33": "3.5.21", "1.34": "3.6.4", "1.35": "3.6.6", "1.36": "3.6.14", "1.37": "3.7.1"}

var minorOf = regexp.MustCompile(`^v?(\d+\.\d+)\.`)

// etcdOf is the version of etcd that a version of a distribution runs; empty for one that is not known.
func etcdOf(version string) string {
	if found := minorOf.FindStringSubmatch(version); found != nil {
		return etcds[found[1]]
	}
	return ""
}
