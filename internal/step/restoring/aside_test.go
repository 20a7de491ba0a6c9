package restoring

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// tree writes files by their paths.
func tree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read is what lies below a directory, but for what was retired.
func read(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "-undone") {
			return err
		}
		data, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(root, path)
		if relErr != nil {
			return relErr
		}
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const uid = "u1"

// What stands in the place of the old data does not matter: the old data comes back, and nothing is lost.
func TestOldDataComesBackWhateverTookItsPlace(t *testing.T) {
	old := map[string]string{"member/snap/db": "old", "member/wal/0": "old", "notes": "kept"}
	for _, test := range []struct {
		name string
		made map[string]string
	}{
		{"nothing", nil},
		{"a half-made restore", map[string]string{"member/snap/db": "new"}},
		{"something else", map[string]string{"stray": "new"}},
	} {
		for _, mounted := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "data")
			tree(t, dir, old)
			d, err := lookAt(distro.Belonging{Path: dir, Remake: true})
			if err != nil {
				t.Fatal(err)
			}
			away := d.away
			if mounted {
				away = d.inward
			}
			for range 2 { // the second finds it done
				if err := away(uid); err != nil {
					t.Fatal(err)
				}
			}
			for name := range read(t, dir) {
				if !strings.HasPrefix(name, ".holdfast-aside-") {
					t.Errorf("%s, mounted %v: %s is left", test.name, mounted, name)
				}
			}
			tree(t, dir, test.made)
			for range 2 {
				if err := d.back(uid); err != nil {
					t.Fatal(err)
				}
			}
			got := read(t, dir)
			delete(got, "stray") // a mount point can't be replaced whole
			if diff := cmp.Diff(old, got); diff != "" {
				t.Errorf("%s, mounted %v: %s", test.name, mounted, diff)
			}
		}
	}
}

func TestAMoveThatWasCutIsFinishedOrTakenBack(t *testing.T) {
	old := map[string]string{"member/snap/db": "old", "notes": "kept"}
	for _, finish := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "data")
		tree(t, dir, old)
		d, err := lookAt(distro.Belonging{Path: dir, Remake: true})
		if err != nil {
			t.Fatal(err)
		}
		// It died between two entries of a mount point.
		if err := os.Mkdir(d.inner(uid), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "member"), filepath.Join(d.inner(uid), "member")); err != nil {
			t.Fatal(err)
		}
		if finish {
			if err := d.away(uid); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "notes")); err == nil {
				t.Error("an entry was left behind")
			}
		}
		if err := d.back(uid); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(old, read(t, dir)); diff != "" {
			t.Errorf("finished first: %v: %s", finish, diff)
		}
	}
}

func TestADirectoryThatWasNotThereIsGoneAfterTheUndo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := lookAt(distro.Belonging{Path: dir, Remake: true})
	if err != nil || d.Existed {
		t.Fatalf("%+v, %v", d, err)
	}
	tree(t, dir, map[string]string{"member/snap/db": "new"})
	if err := d.back(uid); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

func TestADataDirectoryBehindALinkIsMovedWhereItLies(t *testing.T) {
	root := t.TempDir()
	tree(t, filepath.Join(root, "disk"), map[string]string{"member/db": "old"})
	if err := os.Symlink(filepath.Join(root, "disk"), filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	d, err := lookAt(distro.Belonging{Path: filepath.Join(root, "data"), Remake: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.away(uid); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "data")); err != nil || target != filepath.Join(root, "disk") {
		t.Errorf("the link is %q, %v", target, err)
	}
	if !exists(filepath.Join(root, "disk.holdfast-u1", "member", "db")) {
		t.Error("the data did not go where it was expected")
	}
}

func TestSnapshotsOfFormerOperationsAreRemovedAndTheRunningOnesStays(t *testing.T) {
	state := t.TempDir()
	secrets := filepath.Join(t.TempDir(), "secrets")
	plan := v1alpha1.MachinePlanSpec{Operation: &v1alpha1.PlanOperation{UID: uid}, Keep: []string{"waits", "waited"}}
	if err := Sweep(state, secrets, plan, time.Now()); err != nil {
		t.Fatal(err)
	}
	tree(t, filepath.Join(state, "restore"), map[string]string{"u0/a.db": "old", "u1/b.db": "new", "waits/c.db": "kept", "waited/d.db": "too long"})
	tree(t, secrets, map[string]string{"u0/token": "old", "u1/token": "new", "waits/token": "read anew"})
	long := time.Now().Add(-26 * time.Hour)
	if err := os.Chtimes(filepath.Join(state, "restore", "waited"), long, long); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(state, secrets, plan, time.Now()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"u1/token": "new"}, read(t, secrets)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"u1/b.db": "new", "waits/c.db": "kept"}, read(t, filepath.Join(state, "restore"))); diff != "" {
		t.Error(diff)
	}
}
