package restoring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// The undo set of a directory D in the operation U:
//
//	D.holdfast-U                     the old directory, whole, moved aside
//	D/.holdfast-aside-U              its old entries, where D can't be moved because something is mounted there
//	D.holdfast-U-undone              what the operation had put in its place, after an undo
//
// At any moment either an aside place exists and holds what is old, or D does.

// undoSet is the note of what was there before anything was moved.
type undoSet struct {
	Dirs []undoDir `json:"dirs"`
}

type undoDir struct {
	// Path, with links followed.
	Path string `json:"path"`
	// Existed before the operation.
	Existed bool `json:"existed"`
	// Keep says that an empty directory must stand in its place: with its owner and mode etcd finds it writable. One that
	// did not exist has them too when they are known.
	Keep bool        `json:"keep,omitempty"`
	Mode fs.FileMode `json:"mode,omitempty"`
	UID  int         `json:"uid,omitempty"`
	GID  int         `json:"gid,omitempty"`
}

// moveAside moves the member's data away.
type moveAside struct{ base }

// Check implements step.Step.
func (s *moveAside) Check(ctx context.Context) error {
	_, err := s.Driver.Belongings(ctx)
	return err
}

// Do implements step.Step.
func (s *moveAside) Do(ctx context.Context, report step.Report) (any, error) {
	if err := s.requireStopped(ctx); err != nil {
		return nil, err
	}
	set, err := s.undoSet(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range set.Dirs {
		if !d.Existed {
			if err := d.provide(); err != nil {
				return nil, fmt.Errorf("make %s: %w", d.Path, err)
			}
			continue
		}
		report("moving "+d.Path+" aside", "")
		if err := d.away(s.uid); err != nil {
			return nil, fmt.Errorf("move %s aside: %w", d.Path, err)
		}
	}
	return step.AsideEvidence{To: set.places(s.uid)}, nil
}

// places are those that hold what was moved aside.
func (u undoSet) places(uid string) []string {
	var at []string
	for _, d := range u.Dirs {
		for _, path := range []string{d.outer(uid), d.inner(uid)} {
			if exists(path) {
				at = append(at, path)
			}
		}
	}
	return at
}

// undoSet reads the note of what there was, or writes it.
func (s *moveAside) undoSet(ctx context.Context) (undoSet, error) {
	var set undoSet
	noted, err := s.notes.read(noteAside, &set)
	if err != nil || noted {
		return set, err
	}
	belongings, err := s.Driver.Belongings(ctx)
	if err != nil {
		return set, err
	}
	for _, b := range belongings {
		d, err := lookAt(b)
		if err != nil {
			return set, err
		}
		set.Dirs = append(set.Dirs, d)
	}
	return set, s.notes.write(noteAside, set)
}

func lookAt(b distro.Belonging) (undoDir, error) {
	d := undoDir{Path: filepath.Clean(b.Path), Keep: b.Remake}
	real, err := filepath.EvalSymlinks(b.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if b.Owner != nil {
			d.Mode, d.UID, d.GID = b.Mode, b.Owner.UID, b.Owner.GID
		}
		return d, nil
	}
	if err != nil {
		return d, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return d, err
	}
	if !info.IsDir() {
		return d, &fs.PathError{Op: "move aside", Path: real, Err: syscall.ENOTDIR}
	}
	d.Path, d.Existed, d.Mode = real, true, info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		d.UID, d.GID = int(stat.Uid), int(stat.Gid)
	}
	return d, nil
}

func (d undoDir) outer(uid string) string { return d.Path + ".holdfast-" + uid }
func (d undoDir) inner(uid string) string { return filepath.Join(d.Path, snapshot.AsidePrefix+uid) }

// away moves the directory, or what is in it, aside.
func (d undoDir) away(uid string) error {
	if exists(d.inner(uid)) {
		return d.inward(uid)
	}
	if !exists(d.outer(uid)) {
		err := durable.Rename(d.Path, d.outer(uid))
		if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) {
			return d.inward(uid)
		}
		if err != nil {
			return err
		}
	}
	if !d.Keep {
		return nil
	}
	return d.remake()
}

// provide makes a directory that has gone, for the user that etcd runs as: what is restored into it gets its owner.
func (d undoDir) provide() error {
	if d.Mode == 0 {
		return nil
	}
	if err := durable.MkdirAll(filepath.Dir(d.Path), 0o755); err != nil {
		return err
	}
	return d.remake()
}

// remake makes an empty directory like the one that was moved.
func (d undoDir) remake() error {
	if err := os.Mkdir(d.Path, d.Mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod(d.Path, d.Mode); err != nil {
		return err
	}
	if err := os.Chown(d.Path, d.UID, d.GID); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(d.Path))
}

// inward moves the entries of a mount point into a directory of its own inside.
func (d undoDir) inward(uid string) error {
	if err := os.Mkdir(d.inner(uid), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return moveEntries(d.Path, d.inner(uid))
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

// Undo implements step.Step.
func (s *moveAside) Undo(ctx context.Context, report step.Report) error {
	var set undoSet
	noted, err := s.notes.read(noteAside, &set)
	if err != nil || !noted {
		return err // nothing was moved yet
	}
	if err := s.requireStopped(ctx); err != nil {
		return err
	}
	for _, d := range set.Dirs {
		report("moving "+d.Path+" back", "")
		if err := d.back(s.uid); err != nil {
			return fmt.Errorf("move %s back: %w", d.Path, err)
		}
	}
	return nil
}

// back brings the old directory back. What stands in its place is moved aside itself.
func (d undoDir) back(uid string) error {
	switch {
	case exists(d.inner(uid)):
		return d.outward(uid)
	case exists(d.outer(uid)):
		if err := d.retire(uid); err != nil {
			return err
		}
		return durable.Rename(d.outer(uid), d.Path)
	case !d.Existed:
		return d.retire(uid)
	}
	return nil // it was never moved, or is back already
}

// retire moves what the operation made out of the way. An empty directory is no loss.
func (d undoDir) retire(uid string) error {
	if !exists(d.Path) || os.Remove(d.Path) == nil {
		return durable.SyncDir(filepath.Dir(d.Path))
	}
	to := d.outer(uid) + "-undone"
	for n := 2; exists(to); n++ {
		to = fmt.Sprintf("%s-undone-%d", d.outer(uid), n)
	}
	return durable.Rename(d.Path, to)
}

// outward is the way back of inward. New entries go first; among those are none of the old ones, since all old ones had
// been moved before anything new was made, or nothing new was made.
func (d undoDir) outward(uid string) error {
	undone := d.inner(uid) + "-undone"
	old, err := os.ReadDir(d.inner(uid))
	if err != nil {
		return err
	}
	for _, e := range old {
		if at := filepath.Join(d.Path, e.Name()); exists(at) {
			if err := os.Mkdir(undone, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if err := os.Rename(at, filepath.Join(undone, e.Name())); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(d.inner(uid), e.Name()), filepath.Join(d.Path, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(d.inner(uid)); err != nil {
		return err
	}
	return durable.SyncDir(d.Path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
