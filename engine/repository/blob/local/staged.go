package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// writebackStep is how much is written between two requests to start writing to disk. Without them the kernel
// gathers the whole file and the fsync at the end waits for all of it.
const writebackStep = 8 << 20

// createTries is how often a sweep may be quicker than the writer of a new file. Once is already hard to reach.
const createTries = 5

// staged is an unfinished file, locked by this process as long as it is open.
type staged struct {
	store *Store
	root  *os.Root
	file  *os.File
	name  string // below root; "" once it is committed or discarded

	written, flushing int64
}

// Stage returns an unfinished file in the store's directory.
func (s *Store) Stage(ctx context.Context) (blob.Staged, error) {
	staged, err := s.stage(ctx, ".")
	if err != nil {
		return nil, fmt.Errorf("stage a file in %s: %w", s.dir, err)
	}
	return staged, nil
}

func (s *Store) stage(ctx context.Context, folder string) (*staged, error) {
	root, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	s.tidyFirst.Do(func() { s.tidy(ctx, root) })
	file, name, err := s.create(root, folder)
	if err != nil {
		return nil, errors.Join(classify(err), root.Close())
	}
	return &staged{store: s, root: root, file: file, name: name}, nil
}

// create makes and locks an unfinished file. Between the two steps a sweep may take the file for a dead writer's: then
// another is made.
func (s *Store) create(root *os.Root, folder string) (*os.File, string, error) {
	if err := s.mkdir(root, folder); err != nil {
		return nil, "", err
	}
	for range createTries {
		name := path.Join(folder, blob.TemporaryName(rand.Text()))
		file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
		if err != nil {
			return nil, "", err
		}
		if lock(file) != heldByOther && sameFile(root, name, file) {
			return file, name, nil
		}
		if err := file.Close(); err != nil {
			return nil, "", err
		}
	}
	return nil, "", errors.New("another process removes new files as fast as they are made")
}

func sameFile(root *os.Root, name string, file *os.File) bool {
	named, err := root.Lstat(name)
	if err != nil {
		return false
	}
	open, err := file.Stat()
	return err == nil && os.SameFile(named, open)
}

// mkdir makes the folder and each one above it, and makes each new name durable.
func (s *Store) mkdir(root *os.Root, folder string) error {
	if folder == "." {
		return nil
	}
	for i, r := range folder + "/" {
		if r != '/' {
			continue
		}
		switch err := root.Mkdir(folder[:i], dirMode); {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
			return err
		}
		if err := durable.SyncDir(s.path(path.Dir(folder[:i]))); err != nil {
			return err
		}
	}
	return nil
}

// Write appends.
func (f *staged) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.written += int64(n)
	if f.written-f.flushing >= writebackStep {
		startWriteback(f.file, f.flushing, f.written-f.flushing)
		f.flushing = f.written
	}
	if err != nil {
		return n, classify(err)
	}
	return n, nil
}

// ReadAt reads what has been written so far.
func (f *staged) ReadAt(p []byte, offset int64) (int, error) { return f.file.ReadAt(p, offset) }

// Path is absolute, and names the file until it is committed or discarded.
func (f *staged) Path() string { return f.file.Name() }

// Commit publishes the file.
func (f *staged) Commit(ctx context.Context, name string, opts blob.PutOptions) (blob.Info, error) {
	if err := f.store.refuse(ctx, name, opts); err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", f.store.Location(name), err)
	}
	info, err := f.commit(ctx, name, opts)
	if err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", f.store.Location(name), err)
	}
	return info, nil
}

func (f *staged) commit(ctx context.Context, name string, opts blob.PutOptions) (blob.Info, error) {
	if f.name == "" {
		return blob.Info{}, errors.New("the file is committed or discarded already")
	}
	if err := f.seal(ctx); err != nil {
		return blob.Info{}, vanished(err)
	}
	if err := f.store.mkdir(f.root, path.Dir(name)); err != nil {
		return blob.Info{}, vanished(err)
	}
	if err := f.publish(name, opts.IfAbsent); err != nil {
		return blob.Info{}, vanished(err)
	}
	info, err := f.file.Stat()
	if err != nil {
		return blob.Info{}, err
	}
	f.name = ""
	return describe(name, info), errors.Join(f.file.Close(), f.root.Close())
}

// seal makes the bytes durable under the unfinished name.
func (f *staged) seal(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The kernel stamps files with a clock of some milliseconds, and an inode is soon used again: without a time of
	// our own two objects written shortly after one another could carry the same version.
	now := time.Now()
	if err := f.root.Chtimes(f.name, now, now); err != nil {
		return err
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", f.file.Name(), err)
	}
	return ctx.Err()
}

// publish gives the file its final name and makes that durable, in both directories that changed.
func (f *staged) publish(name string, ifAbsent bool) error {
	move := f.root.Rename
	if ifAbsent {
		move = f.moveNew
	}
	if err := move(f.name, name); err != nil {
		return err
	}
	if err := durable.SyncDir(f.store.path(path.Dir(name))); err != nil {
		return err
	}
	if path.Dir(name) != path.Dir(f.name) {
		return durable.SyncDir(f.store.path(path.Dir(f.name)))
	}
	return nil
}

// moveNew renames only onto a free name. A hard link is refused atomically when the name is taken, on every local
// file system and on NFS; where there are no hard links (FAT, some network file systems) the kernel's own exclusive
// rename does the same. Without either the write fails: a claim that two can win is worse than none.
func (f *staged) moveNew(from, to string) error {
	err := f.root.Link(from, to)
	switch {
	case err == nil:
		return f.root.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return blob.ErrExists
	case errors.Is(err, fs.ErrNotExist):
		return err
	}
	switch exclusive := renameExclusive(f.store.path(from), f.store.path(to)); {
	case exclusive == nil:
		return nil
	case errors.Is(exclusive, fs.ErrExist):
		return blob.ErrExists
	default:
		return fmt.Errorf("%w; %w", err, exclusive)
	}
}

// Discard removes the file unless it was committed.
func (f *staged) Discard() error {
	if f.name == "" {
		return nil
	}
	name := f.name
	f.name = ""
	err := f.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // published, and something after that went wrong
	}
	return errors.Join(err, f.file.Close(), f.root.Close())
}

// describe is the Info of a file.
func describe(name string, info fs.FileInfo) blob.Info {
	return blob.Info{
		Name:    strings.TrimPrefix(name, "./"),
		Size:    info.Size(),
		ModTime: info.ModTime(),
		Version: version(info),
	}
}
