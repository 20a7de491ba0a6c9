package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ErrNoTool: a program has not been built. BuildTool builds it; so does test/tools/build.sh.
var ErrNoTool = errors.New("the program is not built; run test/tools/build.sh")

// buildTimeout is for MinIO without any build cache on two slow cores.
const buildTimeout = 15 * time.Minute

// Tool returns the path of a pinned program, such as "etcd-3.6", "etcdutl-3.5" or "mc". The error is ErrNoTool when it
// has not been built.
func Tool(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".cache", "tools", name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, ErrNoTool)
	} else if err != nil {
		return "", err
	}
	return path, nil
}

// BuildTool builds a pinned program unless that has been done. It may be called by several processes at once: one
// builds, the others wait.
func BuildTool(ctx context.Context, name string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(root, "test", "tools", "build.sh"), name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}

// Root finds the working copy that this file was compiled from, or else one around the working directory:
// a program built with -trimpath has forgotten where it came from.
func Root() (string, error) {
	starts := []string{}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	for _, start := range starts {
		for dir := start; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "test", "tools", "build.sh")); err == nil {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("no test/tools/build.sh above %s", strings.Join(starts, " or "))
}
