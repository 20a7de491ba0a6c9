package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Get opens the file. A replacement does not disturb its readers: they keep the old file.
func (s *Store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	r, err := s.open(ctx, name, offset, length, match)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", s.Location(name), err)
	}
	return r, nil
}

func (s *Store) open(ctx context.Context, name string, offset, length int64, match string) (*reader, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, errors.New("the offset is negative")
	}
	root, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, info, err := openObject(root, name)
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, file: file, version: version(info), left: length}
	if err := r.start(info.Size(), offset, match); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// openObject opens a regular file only: opening a FIFO would wait for a writer, and a symbolic link is no object.
func openObject(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if _, err := lstatObject(root, name); err != nil {
		return nil, nil, err
	}
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if missing(err) {
		return nil, nil, blob.ErrNotExist
	}
	if err != nil {
		return nil, nil, classify(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = blob.ErrNotExist // it was swapped after the look
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

func lstatObject(root *os.Root, name string) (fs.FileInfo, error) {
	info, err := root.Lstat(name)
	switch {
	case missing(err):
		return nil, blob.ErrNotExist
	case err != nil:
		return nil, classify(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is a %s", blob.ErrNotExist, kind(info.Mode()))
	}
	return info, nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	}
	return "special file"
}

// reader gives a range of one file.
type reader struct {
	ctx     context.Context
	file    *os.File
	version string
	left    int64
}

func (r *reader) start(size, offset int64, match string) error {
	if match != "" && match != r.version {
		return blob.ErrChanged
	}
	if offset > size {
		return fmt.Errorf("%w: it has %d bytes", io.ErrUnexpectedEOF, size)
	}
	if r.left < 0 {
		r.left = size - offset
	}
	_, err := r.file.Seek(offset, io.SeekStart)
	return err
}

// Read gives the next bytes of the range.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // left > 0: the file is shorter than the range
	}
	return n, err
}

// Version is the version that is read.
func (r *reader) Version() string { return r.version }

// Close closes the file.
func (r *reader) Close() error { return r.file.Close() }

// Stat describes one file.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	info, err := s.stat(ctx, name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat %s: %w", s.Location(name), err)
	}
	return info, nil
}

func (s *Store) stat(ctx context.Context, name string) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, err
	}
	root, err := s.enter(ctx)
	if err != nil {
		return blob.Info{}, err
	}
	defer root.Close()
	info, err := lstatObject(root, name)
	if err != nil {
		return blob.Info{}, err
	}
	return describe(name, info), nil
}

// Delete removes one file. Folders stay: another writer may be about to use them.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.remove(ctx, name); err != nil {
		return fmt.Errorf("delete %s: %w", s.Location(name), err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return err
	}
	root, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := lstatObject(root, name); err != nil {
		if errors.Is(err, blob.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := root.Remove(name); err != nil && !missing(err) {
		return classify(err)
	}
	return durable.SyncDir(s.path(path.Dir(name)))
}
