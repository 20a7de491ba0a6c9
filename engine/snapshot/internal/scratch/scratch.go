// Package scratch makes temporary directories whose makers can be known to be dead.
//
// Each is locked by its maker as long as that lives, in whatever way it ends. So a directory of the right name that is
// not locked is the remains of a program that was killed, and whoever comes next removes it.
//
// The package must not know what the directories are for. Start reading at [Make] and [Sweep].
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// makeTries is how often a sweep may be quicker than the maker of a new directory. Once is already hard to reach.
const makeTries = 5

// Dir is a directory of this process.
type Dir struct {
	// Path is absolute if the parent was.
	Path string
	lock *os.File
}

// Make makes a directory in parent, for this user alone. Its name is the prefix and some digits.
func Make(parent, prefix string) (*Dir, error) {
	for range makeTries {
		path, err := os.MkdirTemp(parent, prefix+"*")
		if err != nil {
			return nil, err
		}
		lock, err := durable.Lock(path)
		switch {
		case err == nil && isStill(path, lock):
			return &Dir{Path: path, lock: lock}, nil
		case err == nil:
			lock.Close()
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, durable.ErrLocked):
			return nil, errors.Join(err, os.RemoveAll(path))
		}
		// Between the two steps a sweep took it for a dead maker's.
	}
	return nil, fmt.Errorf("make a directory in %s: another process removes new ones as fast as they are made", parent)
}

// isStill says whether the path leads to what is open.
func isStill(path string, open *os.File) bool {
	named, err := os.Lstat(path)
	if err != nil {
		return false
	}
	opened, err := open.Stat()
	return err == nil && os.SameFile(named, opened)
}

// Remove removes the directory with all that it holds.
func (d *Dir) Remove() error {
	err := os.RemoveAll(d.Path)
	d.lock.Close()
	return err
}

// Sweep removes the directories in parent that have the prefix and whose makers are dead, and reports whether there is
// one whose maker lives. Before the removal it calls last with the path, when last is not nil.
//
// A parent that is not there, or may not be read, has none.
func Sweep(parent, prefix string, last func(path string)) (alive bool, err error) {
	entries, err := os.ReadDir(parent)
	if err != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if !e.IsDir() || !IsName(e.Name(), prefix) {
			continue
		}
		living, err := Bury(filepath.Join(parent, e.Name()), last)
		if err != nil {
			return alive, err
		}
		alive = alive || living
	}
	return alive, nil
}

// IsName says whether Make may have chosen the name. A prefix alone does not decide: "etcd-" is one of "etcd-2-" too.
func IsName(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Bury removes one directory if its maker is dead. One that is not there any more, or that this user may not enter, is
// fine.
func Bury(path string, last func(path string)) (alive bool, err error) {
	lock, err := durable.Lock(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // gone, or another user's
		return false, nil
	case errors.Is(err, durable.ErrLocked):
		return true, nil
	case err != nil:
		return false, err
	}
	defer lock.Close()
	if !isStill(path, lock) {
		return false, nil
	}
	if last != nil {
		last(path)
	}
	return false, os.RemoveAll(path)
}
