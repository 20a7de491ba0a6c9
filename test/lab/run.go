package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/server"
)

// run is what a program with a lab has outside its namespaces: a directory, and cgroups of the same name. A lock on the
// directory tells others that the program lives.
type run struct {
	dir  string
	lock *os.File
	// image is locked too, lest somebody replaces it meanwhile.
	image *os.File
}

func runsDir() (string, error) {
	root, err := server.Root()
	return filepath.Join(root, ".cache", "lab", "run"), err
}

// newRun makes sure that there is an image, removes what aborted runs have left, and makes a new run.
func newRun(ctx context.Context) (*run, error) {
	image, err := lockImage(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{image: image}
	if err := r.create(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *run) create(ctx context.Context) error {
	runs, err := runsDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return err
	}
	// One at a time: a directory that is made but not yet locked looks abandoned.
	guard, err := flock(runs, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer guard.Close()
	if err := sweep(ctx, runs); err != nil {
		return err
	}
	r.dir = filepath.Join(runs, "holdfast-lab-"+strings.ToLower(rand.Text()[:8]))
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		return err
	}
	r.lock, err = flock(r.dir, unix.LOCK_EX)
	return err
}

// sweep removes every run whose program has ended without removing it.
func sweep(ctx context.Context, runs string) error {
	entries, err := os.ReadDir(runs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(runs, e.Name())
		lock, err := flock(dir, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue // it lives
		} else if err != nil {
			return err
		}
		err = discard(ctx, dir)
		lock.Close()
		if err != nil {
			return fmt.Errorf("remove what an earlier run left in %s: %w", dir, err)
		}
	}
	return nil
}

// discard ends what still runs of a run, and removes its cgroups and its directory.
func discard(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	h, err := hierarchies()
	if err != nil {
		return err
	}
	group := h.group(filepath.Base(dir))
	if err := group.kill(ctx); err != nil {
		return err
	}
	return errors.Join(group.remove(), os.RemoveAll(dir))
}

// close is for when the namespaces are gone. It does not heed an interrupt.
func (r *run) close() error {
	var err error
	if r.dir != "" {
		err = discard(context.Background(), r.dir)
	}
	if r.lock != nil {
		r.lock.Close()
	}
	r.image.Close()
	return err
}

// flock opens a file or directory and locks it. The lock ends with the file or the process, whichever is first.
func flock(path string, how int) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}
