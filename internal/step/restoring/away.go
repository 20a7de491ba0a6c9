package restoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// away moves the item, or what is in it, aside.
func (i undoItem) away(uid string) error {
	if exists(i.inner(uid)) {
		return i.inward(uid)
	}
	if !exists(i.outer(uid)) {
		err := durable.Rename(i.Path, i.outer(uid))
		if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) {
			return i.inward(uid)
		}
		if err != nil {
			return err
		}
	}
	if !i.Keep {
		return nil
	}
	return i.remake()
}

// provide makes a directory that has gone, for the user that etcd runs as: what is restored into it gets its owner.
func (i undoItem) provide() error {
	if i.Mode == 0 || !i.Keep {
		return nil
	}
	if err := durable.MkdirAll(filepath.Dir(i.Path), 0o755); err != nil {
		return err
	}
	return i.remake()
}

// remake makes an empty directory like the one that was moved.
func (i undoItem) remake() error {
	if err := os.Mkdir(i.Path, i.Mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod(i.Path, i.Mode); err != nil {
		return err
	}
	if err := os.Chown(i.Path, i.UID, i.GID); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(i.Path))
}

// inward moves the entries of a mount point into a directory of its own inside.
func (i undoItem) inward(uid string) error {
	if err := os.Mkdir(i.inner(uid), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return moveEntries(i.Path, i.inner(uid))
}

// moveEntries moves all entries of a directory into another, except what is Holdfast's own and what file systems keep
// there.
func moveEntries(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), snapshot.AsidePrefix) || e.Name() == "lost+found" {
			continue
		}
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(durable.SyncDir(to), durable.SyncDir(from))
}

// comeBack brings back what was moved. What stands in its place is moved aside itself.
func (i undoItem) comeBack(uid string) error {
	switch {
	case exists(i.inner(uid)):
		return i.outward(uid)
	case exists(i.outer(uid)):
		if err := i.retire(uid); err != nil {
			return err
		}
		return durable.Rename(i.outer(uid), i.Path)
	case !i.Existed:
		return i.retire(uid)
	}
	return nil // it was never moved, or is back already
}

// retire moves what the operation made out of the way. An empty file or directory is no loss.
func (i undoItem) retire(uid string) error {
	info, err := os.Lstat(i.Path)
	if err != nil || removedEmpty(i.Path, info) {
		return syncParent(i.Path)
	}
	to := i.undone(uid)
	for n := 2; exists(to); n++ {
		to = fmt.Sprintf("%s-%d", i.undone(uid), n)
	}
	return durable.Rename(i.Path, to)
}

func removedEmpty(path string, info fs.FileInfo) bool {
	return (info.IsDir() || info.Mode().IsRegular() && info.Size() == 0) && os.Remove(path) == nil
}

// outward is the way back of inward. New entries go first; among those are none of the old ones, since all old ones had
// been moved before anything new was made, or nothing new was made.
func (i undoItem) outward(uid string) error {
	undone := i.inner(uid) + "-undone"
	old, err := os.ReadDir(i.inner(uid))
	if err != nil {
		return err
	}
	for _, e := range old {
		if at := filepath.Join(i.Path, e.Name()); exists(at) {
			if err := os.Mkdir(undone, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if err := os.Rename(at, filepath.Join(undone, e.Name())); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(i.inner(uid), e.Name()), filepath.Join(i.Path, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(i.inner(uid)); err != nil {
		return err
	}
	return durable.SyncDir(i.Path)
}
