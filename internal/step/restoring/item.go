package restoring

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// undoItem is what was at one path before the operation.
type undoItem struct {
	// Path, with links followed; that of the link itself where a link is an item of its own.
	Path string `json:"path"`
	// Existed before the operation.
	Existed bool `json:"existed"`
	// Copy: it stays, to be changed, and a copy of it is kept. Otherwise it is moved away.
	Copy bool `json:"copy,omitempty"`
	// Keep says that an empty directory must stand in its place: with its owner and mode etcd finds it writable. One that
	// did not exist has them too when they are known.
	Keep bool        `json:"keep,omitempty"`
	Mode fs.FileMode `json:"mode,omitempty"`
	UID  int         `json:"uid,omitempty"`
	GID  int         `json:"gid,omitempty"`
}

// lookAll returns the items of a belonging. A link to something that is changed is kept as well as what it leads to:
// whoever replaces a file by a new one may replace either.
func lookAll(b distro.Belonging) ([]undoItem, error) {
	var items []undoItem
	if info, err := os.Lstat(b.Path); b.Copy && err == nil && info.Mode().Type() == fs.ModeSymlink {
		items = append(items, undoItem{Path: filepath.Clean(b.Path), Existed: true, Copy: true})
		if _, err := os.Stat(b.Path); errors.Is(err, fs.ErrNotExist) {
			return items, nil // it leads nowhere
		}
	}
	i, err := lookAt(b)
	return append(items, i), err
}

func lookAt(b distro.Belonging) (undoItem, error) {
	i := undoItem{Path: filepath.Clean(b.Path), Copy: b.Copy, Keep: b.Remake}
	real, err := filepath.EvalSymlinks(b.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if b.Owner != nil {
			i.Mode, i.UID, i.GID = b.Mode, b.Owner.UID, b.Owner.GID
		}
		return i, nil
	}
	if err != nil {
		return i, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return i, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return i, &fs.PathError{Op: "keep what is at", Path: real, Err: errors.New("it is neither a file nor a directory")}
	}
	i.Path, i.Existed, i.Keep, i.Mode = real, true, b.Remake && info.IsDir(), info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		i.UID, i.GID = int(stat.Uid), int(stat.Gid)
	}
	return i, nil
}

func (i undoItem) outer(uid string) string { return i.Path + ".holdfast-" + uid }
func (i undoItem) inner(uid string) string { return filepath.Join(i.Path, snapshot.AsidePrefix+uid) }

// undone is where an undo puts what the operation had made.
func (i undoItem) undone(uid string) string { return i.outer(uid) + "-undone" }

func (i undoItem) verb() string {
	if i.Copy {
		return "copying"
	}
	return "moving aside"
}

// aside makes sure that what there was can come back.
func (i undoItem) aside(ctx context.Context, uid string) error {
	switch {
	case i.Copy && i.Existed:
		return i.duplicate(ctx, uid)
	case i.Copy:
		return nil
	case i.Existed:
		return i.away(uid)
	}
	return i.provide()
}

// back brings back what there was: something, or nothing.
func (i undoItem) back(uid string) error {
	if i.Copy {
		return i.exchange(uid)
	}
	return i.comeBack(uid)
}

// duplicate copies the item. The copy has its name once it is complete and on the disk.
func (i undoItem) duplicate(ctx context.Context, uid string) error {
	if exists(i.outer(uid)) {
		return nil
	}
	part := i.outer(uid) + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := copyTree(ctx, i.Path, part); err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return durable.Rename(part, i.outer(uid))
}

// exchange puts the copy in the place of what the operation has made of the item. That is removed: it was made of the
// snapshot, or of something that is kept elsewhere.
func (i undoItem) exchange(uid string) error {
	undone := i.undone(uid)
	if !i.Existed || exists(i.outer(uid)) {
		if err := os.RemoveAll(undone); err != nil { // of an undo that was cut
			return err
		}
		if exists(i.Path) {
			if err := durable.Rename(i.Path, undone); err != nil {
				return err
			}
		}
	}
	if exists(i.outer(uid)) {
		if err := durable.Rename(i.outer(uid), i.Path); err != nil {
			return err
		}
	}
	if err := errors.Join(os.RemoveAll(undone), os.RemoveAll(i.outer(uid)+".part")); err != nil {
		return err
	}
	return syncParent(i.Path)
}

// syncParent makes the entries beside a path durable; where there is no parent, there are none.
func syncParent(path string) error {
	err := durable.SyncDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
