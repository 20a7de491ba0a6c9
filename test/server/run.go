package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// runTimeout bounds a stock client's run, a restore of a large snapshot included.
const runTimeout = 10 * time.Minute

// Run runs a pinned program to its end and returns what it printed. The environment is empty but for PATH, HOME (dir)
// and env; dir is also where it runs. An error holds what was printed.
func Run(ctx context.Context, dir string, env []string, tool string, args ...string) (string, error) {
	path, err := Tool(tool)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(path), err, bytes.TrimSpace(out.Bytes()))
	}
	return out.String(), nil
}
