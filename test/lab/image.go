package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/server"
)

// buildTimeout is for the image on a slow mirror.
const buildTimeout = 10 * time.Minute

// imageDir is where image.sh puts what it builds.
func imageDir() (string, error) {
	root, err := server.Root()
	return filepath.Join(root, ".cache", "lab", "image"), err
}

// lockImage makes sure that the image is there and stays until the file is closed. Where CI=true it is not built here:
// that is a step of its own, and a test that quietly took minutes would hide that the step is missing.
func lockImage(ctx context.Context) (*os.File, error) {
	dir, err := imageDir()
	if err != nil {
		return nil, err
	}
	if os.Getenv("CI") != "true" {
		if err := buildImage(ctx); err != nil {
			return nil, err
		}
	}
	lock, err := flock(filepath.Join(filepath.Dir(dir), "image.lock"), unix.LOCK_SH)
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "stamp"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the image of the lab's machines is not built; run test/lab/image.sh: %w", err), closeFile(lock))
	}
	return lock, nil
}

func buildImage(ctx context.Context) error {
	root, err := server.Root()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(root, "test", "lab", "image.sh"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the image of the lab's machines: %w\n%s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}
