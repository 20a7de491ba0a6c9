package restoring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// owner is a driver that knows nothing but its belongings.
type owner struct {
	distro.Driver
	belongings []distro.Belonging
}

func (o owner) Belongings(context.Context) ([]distro.Belonging, error) { return o.belongings, nil }
func (owner) Running(context.Context) (bool, error)                    { return false, nil }

// moving returns the step as a new process makes it.
func moving(notesDir string, belongings []distro.Belonging) *moveAside {
	return &moveAside{base{Machine: &Machine{Driver: owner{belongings: belongings}}, notes: notes{notesDir}, uid: uid}}
}

func silent(string, string) {}

// mortal ends after it was asked a number of times whether it has: a copy is cut anywhere by it.
type mortal struct {
	context.Context
	left int
}

var errCut = errors.New("cut")

func (m *mortal) Err() error {
	if m.left--; m.left < 0 {
		return errCut
	}
	return nil
}

// Listing is all that can be seen of a tree: types, modes, contents and links.
func Listing(root string) map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[rel], err = describeFile(path, info)
		return err
	})
	if err != nil {
		panic(err)
	}
	return all
}

func describeFile(path string, info fs.FileInfo) (string, error) {
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		return os.Readlink(path)
	case fs.ModeDir:
		return info.Mode().String(), nil
	}
	data, err := os.ReadFile(path)
	return fmt.Sprintf("%s %s %q", info.Mode(), info.ModTime(), data), err
}

// names in the trees: few, so that they meet.
var names = rapid.SampledFrom([]string{"config.yaml", "config.yaml.d", "token", "a.yaml"})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// grow puts something at a path that is free.
func grow(t *rapid.T, path string, depth int) {
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 && depth > 0:
		must(os.Mkdir(path, 0o700))
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			if name := filepath.Join(path, names.Draw(t, "entry")); !exists(name) {
				grow(t, name, depth-1)
			}
		}
		must(os.Chmod(path, rapid.SampledFrom([]fs.FileMode{0o700, 0o755}).Draw(t, "mode")))
	case kind == 1:
		must(os.Symlink(rapid.SampledFrom([]string{"token", "nowhere", "config.yaml.d"}).Draw(t, "target"), path))
	default:
		must(os.WriteFile(path, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "content"), 0o600))
		must(os.Chmod(path, rapid.SampledFrom([]fs.FileMode{0o600, 0o644, 0o755}).Draw(t, "mode")))
	}
}

// alter does to what lies at a path what a restore may do: write into it, replace it, remove it.
func alter(t *rapid.T, path string) {
	info, err := os.Stat(path)
	if err == nil && rapid.Bool().Draw(t, "in place") {
		if info.IsDir() {
			if name := filepath.Join(path, names.Draw(t, "inside")); !exists(name) {
				grow(t, name, 1)
			}
			return
		}
		must(os.WriteFile(path, []byte("changed in place"), 0o600))
		return
	}
	must(os.RemoveAll(path))
	if rapid.Bool().Draw(t, "replaced") {
		grow(t, path, 2)
	}
}

// possible leaves out links that lead round in a circle: the driver could not open them either.
func possible(path string) bool {
	_, err := filepath.EvalSymlinks(path)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

func TestWhateverARestoreDoesToItsBelongingsAllIsAsItWasAfterTheUndo(t *testing.T) {
	scratch := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(scratch, "")
		must(err)
		root, state := filepath.Join(dir, "root"), filepath.Join(dir, "notes")
		must(errors.Join(os.Mkdir(root, 0o700), os.Mkdir(state, 0o700)))
		var belongings []distro.Belonging
		for _, name := range []string{"config.yaml", "config.yaml.d", "token", "a.yaml"} {
			path := filepath.Join(root, name)
			if rapid.Bool().Draw(t, "exists") {
				grow(t, path, 2)
			}
			belongings = append(belongings, distro.Belonging{Path: path, Copy: true})
		}
		if !possible(belongings[0].Path) || !possible(belongings[1].Path) || !possible(belongings[2].Path) || !possible(belongings[3].Path) {
			return
		}
		before := Listing(root)
		kept := moving(state, belongings)
		for {
			_, err := kept.Do(&mortal{t.Context(), rapid.IntRange(0, 30).Draw(t, "life")}, silent)
			if err == nil {
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "given up") {
				break
			}
			kept = moving(state, belongings)
		}
		if kept.requireAside() == nil {
			for _, b := range belongings {
				if rapid.Bool().Draw(t, "changes") {
					alter(t, b.Path)
				}
			}
		}
		for range 2 {
			if err := moving(state, belongings).Undo(t.Context(), silent); err != nil {
				t.Fatal(err)
			}
		}
		// The times of a directory tell of the entries that it had meanwhile.
		if diff := cmp.Diff(before, Listing(root)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAFileThatIsMovedComesBackAndAnEmptyOneInItsPlaceIsGone(t *testing.T) {
	for _, made := range []string{"nothing", "empty", "full"} {
		flag := filepath.Join(t.TempDir(), "reset-flag")
		tree(t, filepath.Dir(flag), map[string]string{"reset-flag": "old"})
		i, err := lookAt(distro.Belonging{Path: flag, Remake: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := i.aside(t.Context(), uid); err != nil {
				t.Fatal(err)
			}
		}
		if exists(flag) {
			t.Error("it was not moved, or made anew")
		}
		want := map[string]string{"reset-flag": "old"}
		switch made {
		case "empty":
			tree(t, filepath.Dir(flag), map[string]string{"reset-flag": ""})
		case "full":
			tree(t, filepath.Dir(flag), map[string]string{"reset-flag": "new"})
			want["reset-flag.holdfast-u1-undone"] = "new"
		}
		for range 2 {
			if err := i.back(uid); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, contents(t, filepath.Dir(flag))); diff != "" {
			t.Errorf("%s: %s", made, diff)
		}
	}
}

// contents are all files of a directory, those that were retired too.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

func TestWhatWasNotThereAndIsMadeWhereItsParentWasMissingIsGoneAfterTheUndo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone", "token")
	for _, b := range []distro.Belonging{{Path: path, Copy: true}, {Path: path}} {
		s := moving(t.TempDir(), []distro.Belonging{b})
		if _, err := s.Do(t.Context(), silent); err != nil {
			t.Fatal(err)
		}
		if err := s.Undo(t.Context(), silent); err != nil {
			t.Errorf("nothing was made: %v", err)
		}
		if err := s.Undo(t.Context(), silent); err != nil {
			t.Errorf("again: %v", err)
		}
	}
}

func TestAnItemInsideOfAnotherGoesAndComesWithIt(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{"server/db/etcd/db": "old", "server/token": "old", "cred/passwd": "old"})
	before := read(t, root)
	belongings := []distro.Belonging{
		{Path: filepath.Join(root, "server/db")}, {Path: filepath.Join(root, "server/db/etcd")}, {Path: filepath.Join(root, "server"), Copy: true},
		{Path: filepath.Join(root, "server/token"), Copy: true}, {Path: filepath.Join(root, "cred"), Copy: true}, {Path: filepath.Join(root, "cred") + "/", Copy: true},
	}
	for range 2 {
		state := t.TempDir()
		s := moving(state, belongings)
		if _, err := s.Do(t.Context(), silent); err != nil {
			t.Fatal(err)
		}
		if exists(filepath.Join(root, "server/db")) {
			t.Error("what lies in a directory that is copied was not moved")
		}
		tree(t, root, map[string]string{"server/db/etcd/db": "new", "server/token": "new", "cred/passwd": "new"})
		if err := s.Undo(t.Context(), silent); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, read(t, root)); diff != "" {
			t.Error(diff)
		}
		must(os.RemoveAll(filepath.Join(root, "server", "db.holdfast-u1-undone")))
		slices.Reverse(belongings)
	}
}

// A change of the original must not reach its copy, whichever way the file was copied.
func TestACopyIsNotReachedByAChangeInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	tree(t, filepath.Dir(path), map[string]string{"token": "old"})
	s := moving(t.TempDir(), []distro.Belonging{{Path: path, Copy: true}})
	evidence, err := s.Do(t.Context(), silent)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(err)
	_, err = f.WriteString("new")
	must(errors.Join(err, f.Close()))
	copies := evidence.(step.AsideEvidence).Copies
	if diff := cmp.Diff([]string{path + ".holdfast-u1"}, copies); diff != "" {
		t.Fatal(diff)
	}
	if got, err := os.ReadFile(copies[0]); err != nil || string(got) != "old" {
		t.Errorf("the copy holds %q, %v", got, err)
	}
}

// The programs read what lies in some of these directories by the ending of its name.
func TestNoNameOfACopyIsReadByTheDistributionOrBySystemd(t *testing.T) {
	for _, path := range []string{
		"/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/config.yaml.d/a.yaml", "/etc/rancher/k3s/config.yaml.d",
		"/etc/systemd/system/k3s.service", "/etc/systemd/system/k3s.service.d", "/etc/systemd/system/k3s.service.d/a.conf",
	} {
		i := undoItem{Path: path}
		for _, name := range []string{i.outer(uid), i.outer(uid) + ".part", i.undone(uid)} {
			switch ext := filepath.Ext(name); ext {
			case ".yaml", ".yml", ".json", ".service", ".conf", ".d":
				t.Errorf("%s ends in %s", name, ext)
			}
			if !strings.HasPrefix(name, path+".") {
				t.Errorf("%s does not lie beside %s", name, path)
			}
		}
	}
}
