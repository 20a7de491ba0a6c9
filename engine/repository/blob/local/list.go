package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// List walks the directory. Only the folders that can hold the prefix are read, one level at a time.
func (s *Store) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	root, err := s.enter(ctx)
	if err != nil {
		return fmt.Errorf("list %s: %w", s.Location(""), err)
	}
	defer root.Close()
	var stopped error // the caller's own error, to be returned as it is
	err = walk(ctx, root, ".", prefix, func(name string, info fs.FileInfo) error {
		if blob.CheckName(name) != nil {
			return nil // an unfinished file, or a name that no caller could ask for
		}
		stopped = fn(describe(name, info))
		return stopped
	})
	if stopped != nil || err == nil {
		return stopped
	}
	return fmt.Errorf("list %s: %w", s.Location(""), err)
}

// walk calls visit for every regular file below folder whose name starts with prefix, in byte order of the full names.
// What vanishes meanwhile is passed over, and so is somebody else's folder that this user may not read.
func walk(ctx context.Context, root *os.Root, folder, prefix string, visit func(string, fs.FileInfo) error) error {
	entries, err := readFolder(root, folder)
	if errors.Is(err, fs.ErrPermission) && folder != "." && !strings.HasPrefix(prefix, folder+"/") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := walkEntry(ctx, root, path.Join(folder, entry.Name()), prefix, entry, visit); err != nil {
			return err
		}
	}
	return nil
}

func walkEntry(
	ctx context.Context, root *os.Root, name, prefix string, entry fs.DirEntry, visit func(string, fs.FileInfo) error,
) error {
	switch {
	case entry.IsDir():
		if within := name + "/"; strings.HasPrefix(within, prefix) || strings.HasPrefix(prefix, within) {
			return walk(ctx, root, name, prefix, visit)
		}
	case entry.Type().IsRegular() && strings.HasPrefix(name, prefix):
		// Not entry.Info, which would look the path up again outside of root.
		info, err := root.Lstat(name)
		if missing(err) || err == nil && !info.Mode().IsRegular() {
			return nil
		}
		if err != nil {
			return classify(err)
		}
		return visit(name, info)
	}
	return nil
}

// readFolder returns the entries in the order in which the names below them sort: "a-b" before "a/c", although the
// folder "a" alone sorts before both.
func readFolder(root *os.Root, folder string) ([]fs.DirEntry, error) {
	dir, err := root.Open(folder)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(err)
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil && !missing(err) {
		return nil, classify(err)
	}
	if folder == "." {
		// Made by mkfs at the top of a disk. What a repair of the disk puts there is nobody's object.
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() && e.Name() == "lost+found" })
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortKey(a), sortKey(b)) })
	return entries, nil
}

func sortKey(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}
