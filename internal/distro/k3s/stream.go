package k3s

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// stream saves etcd's own snapshot into the distribution's directory, and returns its name. The distribution takes every
// file there for a snapshot, whatever its name, so nothing is seen there before it is whole.
func (s *saver) stream(ctx context.Context) (string, error) {
	stream, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	dir := filepath.Join(s.node.root, s.node.snapshotDir())
	file, err := newHidden(dir)
	if err != nil {
		return "", err
	}
	defer file.discard()
	if err := s.receive(stream, file); err != nil {
		return "", err
	}
	if err := file.Sync(); err != nil {
		return "", fmt.Errorf("save a snapshot to %s: %w", dir, err)
	}
	return s.christen(ctx, dir, file)
}

func (s *saver) receive(stream snapshot.Stream, file *hidden) error {
	var written int64
	for {
		chunk, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := file.Write(chunk); err != nil {
			return fmt.Errorf("save a snapshot to %s: %w", s.node.snapshotDir(), err)
		}
		written += int64(len(chunk))
		if s.Progress != nil {
			s.Progress(snapshot.PhaseStream, written, stream.Size())
		}
	}
}

// christen gives the file its name, the first that is free from now on.
func (s *saver) christen(ctx context.Context, dir string, file *hidden) (string, error) {
	for {
		name := snapshot.Name{Base: s.Base, Node: s.name, Time: s.now()}.String()
		err := file.publish(filepath.Join(dir, name))
		if err == nil {
			return name, durable.SyncDir(dir)
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("save the snapshot %s: %w", name, err)
		}
		if !pause(ctx, time.Second) {
			return "", context.Cause(ctx)
		}
	}
}

// hidden is a file on the file system of a directory that nobody sees in it.
type hidden struct {
	*os.File
	// path is empty for a file without a name, which goes with this process.
	path string
}

// newHidden makes one: without a name where the file system can do that, else in the directory above, and where that is
// another file system, as the distribution does it: with the ending that it passes over.
func newHidden(dir string) (*hidden, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the snapshot directory: %w", err)
	}
	fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return &hidden{File: os.NewFile(uintptr(fd), filepath.Join(dir, "unnamed"))}, nil
	}
	place := filepath.Dir(dir)
	if !sameDevice(place, dir) {
		place = dir
	}
	f, err := os.CreateTemp(place, ".holdfast-*.part")
	if err != nil {
		return nil, err
	}
	return &hidden{File: f, path: f.Name()}, nil
}

func sameDevice(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// publish gives the file a name that nothing has: os.ErrExist otherwise.
func (h *hidden) publish(path string) error {
	if h.path == "" {
		return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", h.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	}
	return os.Link(h.path, path)
}

// discard closes the file. What was not published is gone.
func (h *hidden) discard() {
	_ = h.Close()
	if h.path != "" {
		_ = os.Remove(h.path)
	}
}
