package snapshot

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metadataDir is beside the directory of snapshots.
func metadataDir(dir string) string { return filepath.Join(filepath.Dir(dir), ".metadata") }

// local lists every file below a directory, whatever it is. The location forgets sub-directories.
func local(dir, node string) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := d.Name()
		entries = append(entries, Entry{
			Name: name, NodeName: node, Location: "file://" + filepath.Join(dir, name), Size: info.Size(),
			Created: created(name, info.ModTime()), Compressed: strings.HasSuffix(name, ".zip"), Metadata: metadata(dir, name),
		})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// created reads the digits after the last dash.
func created(name string, otherwise time.Time) time.Time {
	digits := strings.TrimSuffix(name, ".zip")
	digits = digits[strings.LastIndex(digits, "-")+1:]
	if unix, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return time.Unix(unix, 0)
	}
	return otherwise
}

func metadata(dir, name string) map[string]string {
	data, err := os.ReadFile(filepath.Join(metadataDir(dir), name))
	if err != nil {
		return nil
	}
	var m map[string]string
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	return m
}

func writeMetadata(dir, name string, extra map[string]string) error {
	if len(extra) == 0 {
		return nil
	}
	data, err := json.Marshal(extra)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(metadataDir(dir), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(metadataDir(dir), name), data, 0o700)
}

// remove removes a file of the directory itself, and what was kept of it. It reports whether there was one.
func remove(dir, name string) (bool, error) {
	err := os.Remove(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := os.Remove(filepath.Join(metadataDir(dir), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	return true, nil
}

// pruneLocal keeps the newest files that begin with a prefix.
func pruneLocal(dir, prefix string, keep int) ([]string, error) {
	if keep < 1 {
		return nil, nil
	}
	entries, err := local(dir, "")
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return !strings.HasPrefix(e.Name, prefix) })
	newestFirst(entries)
	var deleted []string
	for _, e := range entries[min(keep, len(entries)):] {
		if _, err := remove(dir, e.Name); err != nil {
			return deleted, err
		}
		deleted = append(deleted, e.Name)
	}
	return deleted, nil
}

func newestFirst(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		if d := b.Created.Compare(a.Created); d != 0 {
			return d
		}
		return strings.Compare(b.Name, a.Name)
	})
}
