package local_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(diesIn); dir != "" {
		writeAndDie(dir)
	}
	goleak.VerifyTestMain(m)
}

func TestADirectoryKeepsTheStoreContract(t *testing.T) {
	blobtest.Run(t, localtest.Suite(func(store blob.Store) blob.Store { return store }))
}

func open(t testing.TB, dir string) *local.Store {
	t.Helper()
	return localtest.Open(t, dir)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, store blob.Store) []string {
	t.Helper()
	var names []string
	err := store.List(t.Context(), "", func(info blob.Info) error {
		names = append(names, info.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAMissingDirectoryIsNoStoreUnlessItMayBeCreated(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if _, err := local.New(local.Config{}); err == nil {
		t.Error("New of no directory: nil, want an error instead of the working directory")
	}
	if _, err := local.New(local.Config{Dir: dir}); !errors.Is(err, blob.ErrNoStore) {
		t.Errorf("New of a missing directory: %v, want ErrNoStore", err)
	}
	if _, err := local.New(local.Config{Dir: dir, Create: true}); err != nil {
		t.Fatal(err)
	}
	store := open(t, dir)
	file := filepath.Join(dir, "file")
	writeFile(t, file, "")
	if _, err := local.New(local.Config{Dir: file}); !errors.Is(err, blob.ErrNoStore) {
		t.Errorf("New of a file: %v, want ErrNoStore", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, statErr := store.Stat(t.Context(), "a")
	_, putErr := store.Put(t.Context(), "a", strings.NewReader(""), blob.PutOptions{})
	listErr := store.List(t.Context(), "", func(blob.Info) error { return nil })
	for method, err := range map[string]error{"Stat": statErr, "Put": putErr, "List": listErr} {
		if !errors.Is(err, blob.ErrNoStore) {
			t.Errorf("%s in a directory that has gone: %v, want ErrNoStore", method, err)
		}
	}
}

func TestFilesAndFoldersAreForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	store, err := local.New(local.Config{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "folder/object", strings.NewReader("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "folder": 0o700, "folder/object": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOnlyRegularFilesAreObjects(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(outside, "secret"), "secret")
	writeFile(t, filepath.Join(dir, "real"), "real")
	for name, target := range map[string]string{
		"link-inside": "real", "link-outside": filepath.Join(outside, "secret"), "link-nowhere": "none",
		"folder-outside": outside, "relative-outside": "../" + filepath.Base(outside),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, `back\slash`), "")
	store := open(t, dir)
	if diff := cmp.Diff([]string{"real"}, list(t, store)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for _, name := range []string{"link-inside", "link-outside", "link-nowhere", "pipe", "folder-outside"} {
		if _, err := store.Get(t.Context(), name, 0, -1, ""); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("Get %s: %v, want ErrNotExist", name, err)
		}
		if err := store.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete %s: %v, want nil and nothing removed", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("Delete removed %s, which is no object", name)
		}
	}
	for _, name := range []string{"folder-outside/secret", "relative-outside/secret"} {
		if _, err := store.Stat(t.Context(), name); err == nil {
			t.Errorf("Stat %s led out of the directory", name)
		}
		if _, err := store.Put(t.Context(), name, strings.NewReader("x"), blob.PutOptions{}); err == nil {
			t.Errorf("Put %s led out of the directory", name)
		}
	}
	if got, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(got) != "secret" {
		t.Errorf("the file outside holds %q, %v", got, err)
	}
}

func TestADirectoryReachedThroughALinkWorks(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	store := open(t, link)
	if _, err := store.Put(t.Context(), "folder/a", strings.NewReader("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := list(t, store); len(got) != 1 || got[0] != "folder/a" {
		t.Errorf("List: %q", got)
	}
}

func TestTheVersionChangesWhenAFileIsChangedInPlace(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	info, err := store.Put(t.Context(), "a", strings.NewReader("one"), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a")
	writeFile(t, path, "two")
	// The change time is what betrays a program that also puts the old time back.
	if err := os.Chtimes(path, info.ModTime, info.ModTime); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), "a", 0, -1, info.Version); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("Get of the old version: %v, want ErrChanged", err)
	}
}

func TestObjectsWrittenInQuickSuccessionHaveDifferentVersions(t *testing.T) {
	store, seen := open(t, t.TempDir()), map[string]bool{}
	for range 200 {
		info, err := store.Put(t.Context(), "a", strings.NewReader("same size"), blob.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if seen[info.Version] {
			t.Fatalf("version %s came twice", info.Version)
		}
		seen[info.Version] = true
	}
}

func TestAFileCutShortWhileItIsReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	if _, err := store.Put(t.Context(), "a", bytes.NewReader(make([]byte, 100)), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := store.Get(t.Context(), "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(filepath.Join(dir, "a"), 50); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err == nil || got.Len() != 50 {
		t.Errorf("read %d bytes, %v, want 50 and an error", got.Len(), err)
	}
}

func TestTheFirstWriteRemovesWhatDeadWritersLeft(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, ".holdfast-old.part"), filepath.Join(dir, ".metadata", ".holdfast-young.part")
	writeFile(t, old, "")
	if err := os.Mkdir(filepath.Dir(young), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, young, "")
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	living, err := open(t, dir).Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Put(t.Context(), "a", strings.NewReader(""), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{living.Path()}, localtest.Unfinished(t, dir)); diff != "" {
		t.Errorf("unfinished files (-want +got):\n%s", diff)
	}
	if err := living.Discard(); err != nil {
		t.Error(err)
	}
}

func TestTheTopFolderOfADiskDoesNotSpoilTheListing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o000); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "lost+found", "#12345"), "")
	if got := list(t, open(t, dir)); len(got) > 0 {
		t.Errorf("List: %q, want nothing", got)
	}
}

func TestAFileInTheWayIsNoStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	for _, dir := range []string{file, filepath.Join(file, "below", "it")} {
		if _, err := local.New(local.Config{Dir: dir, Create: true}); !errors.Is(err, blob.ErrNoStore) {
			t.Errorf("New of %s: %v, want ErrNoStore", dir, err)
		}
	}
}

func TestADirectoryThatIsRemovedDuringAWriteIsNoStore(t *testing.T) {
	for _, opts := range []blob.PutOptions{{}, {IfAbsent: true}} {
		dir := t.TempDir()
		store := open(t, dir)
		_, err := store.Put(t.Context(), "a", removing{strings.NewReader("content"), dir}, opts)
		if !errors.Is(err, blob.ErrNoStore) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Put: %v, want ErrNoStore on one line", err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory is back: %v", err)
		}
	}
}

// removing removes a directory while it is read.
type removing struct {
	*strings.Reader
	dir string
}

func (r removing) Read(p []byte) (int, error) {
	if err := os.RemoveAll(r.dir); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
