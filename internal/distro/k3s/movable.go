package k3s

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// movable refuses what can't be moved away as the distribution itself does it: its reset renames the directory of the
// database. A link would be renamed instead of what it leads to, and the new data would come to lie on another disk; where
// something is mounted it would fail when the cluster is down.
func (n *node) movable(path string) error {
	var why string
	info, err := os.Lstat(n.at(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		why = "it is a link"
	case n.mounted(path):
		why = "something is mounted there"
	default:
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "prepare to move aside", Subject: path, Why: why + ", and " + n.flavour.Name + " itself renames this directory when it is reset",
		Next: "stop " + n.flavour.Name + ", and lead " + filepath.Dir(path) + " as a whole to the other disk instead, by a link or a mount",
	}
}

// mounted says whether something is mounted at a path. Its parents may be links.
func (n *node) mounted(path string) bool {
	table, err := n.readFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(n.at(path)); err == nil && n.root == "/" {
		path = real
	}
	const point = 4 // "36 35 98:0 /root /point options …"; spaces in it are written \\040
	escaped := bytes.ReplaceAll([]byte(path), []byte(" "), []byte(`\040`))
	for line := range bytes.Lines(table) {
		if fields := bytes.Fields(line); len(fields) > point && bytes.Equal(fields[point], escaped) {
			return true
		}
	}
	return false
}
