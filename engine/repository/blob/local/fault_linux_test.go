package local_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

// tmpfs mounts a small file system in memory. It takes root, which CI has.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" {
		t.Skip("mounting takes root")
	}
	if err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v (is a file still open?)", err)
		}
	})
	return dir
}

func TestAFullDiskIsErrNoSpaceAndLeavesNothing(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	store := open(t, dir)
	if _, err := store.Put(t.Context(), "old", strings.NewReader("old"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	big := blobtest.Content(1, 2<<20)
	_, err := store.Put(t.Context(), "folder/new", strings.NewReader(string(big)), blob.PutOptions{})
	if !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Put on a full disk: %v, want ErrNoSpace", err)
	}
	staged, err := store.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := staged.Write(big); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Write on a full disk: %v, want ErrNoSpace", err)
	}
	if err := staged.Discard(); err != nil {
		t.Error(err)
	}
	if left := localtest.Unfinished(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if got := list(t, store); len(got) != 1 || got[0] != "old" {
		t.Errorf("List: %q, want the old object only", got)
	}
	if _, err := store.Put(t.Context(), "folder/new", strings.NewReader("fits"), blob.PutOptions{}); err != nil {
		t.Errorf("Put of what fits, afterwards: %v", err)
	}
}

func TestAReadOnlyDiskIsErrDenied(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	store := open(t, dir)
	if _, err := store.Put(t.Context(), "a", strings.NewReader("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, putErr := store.Put(t.Context(), "b", strings.NewReader("x"), blob.PutOptions{})
	_, newErr := local.New(local.Config{Dir: filepath.Join(dir, "sub"), Create: true})
	for method, err := range map[string]error{"Put": putErr, "Delete": store.Delete(t.Context(), "a"), "New": newErr} {
		if !errors.Is(err, blob.ErrDenied) {
			t.Errorf("%s on a read-only disk: %v, want ErrDenied", method, err)
		}
	}
	if _, err := store.Stat(t.Context(), "a"); err != nil {
		t.Errorf("Stat on a read-only disk: %v", err)
	}
}

// diesIn names, for a child of the test binary, the directory in which to die while writing.
const diesIn = "HOLDFAST_TEST_DIES_IN"

// writeAndDie begins an object, says so, and hangs until it is killed.
func writeAndDie(dir string) {
	store, err := local.New(local.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	staged, err := store.Stage(context.Background())
	if err != nil {
		panic(err)
	}
	if _, err := staged.Write([]byte("half of it")); err != nil {
		panic(err)
	}
	if _, err := os.Stdout.WriteString("."); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1) // the test closed our input instead of killing us
}

func TestARemainderIsSweptOnceItsWriterWasKilled(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), diesIn+"="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatalf("the writer did not begin: %v", err)
	}
	if n, err := store.Sweep(t.Context(), 0); err != nil || n != 0 || len(localtest.Unfinished(t, dir)) != 1 {
		t.Errorf("Sweep beside a living process: %d, %v, want 0", n, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the writer was not killed")
	}
	if n, err := store.Sweep(t.Context(), time.Hour); err != nil || n != 0 {
		t.Errorf("Sweep of what is young: %d, %v, want 0", n, err)
	}
	if n, err := store.Sweep(t.Context(), 0); err != nil || n != 1 || len(localtest.Unfinished(t, dir)) != 0 {
		t.Errorf("Sweep after the kill: %d, %v, want 1", n, err)
	}
	if got := list(t, store); len(got) > 0 {
		t.Errorf("List: %q", got)
	}
}

// FAT and some network file systems have no hard links: there a free name is claimed by the kernel's exclusive rename.
func TestAnExclusiveRenameTakesOnlyAFreeName(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	writeFile(t, from, "new")
	writeFile(t, to, "old")
	if err := local.RenameExclusive(from, to); !errors.Is(err, unix.EEXIST) {
		t.Errorf("rename onto a taken name: %v, want EEXIST", err)
	}
	if err := local.RenameExclusive(from, filepath.Join(dir, "free")); err != nil {
		t.Errorf("rename onto a free name: %v", err)
	}
}

// asAnother runs fn with the rights on files of a user who is neither root nor the owner. They are the thread's, which
// ends with the goroutine.
func asAnother(t *testing.T, fn func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	const nobody = 65534
	refused := make(chan error)
	go func() {
		defer close(refused)
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
			refused <- errno
			return
		}
		fn()
	}()
	if err := <-refused; err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatMayNotBeReadHidesNothingElse(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	for _, name := range []string{"a", "private/b", "z"} {
		if _, err := store.Put(t.Context(), name, strings.NewReader("x"), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	var all, within error
	asAnother(t, func() {
		all = store.List(t.Context(), "", func(info blob.Info) error {
			names = append(names, info.Name)
			return nil
		})
		within = store.List(t.Context(), "private/", func(blob.Info) error { return nil })
	})
	if all != nil || !slices.Equal(names, []string{"a", "z"}) {
		t.Errorf("List: %q, %v, want what may be seen", names, all)
	}
	if !errors.Is(within, blob.ErrDenied) {
		t.Errorf("List within the folder: %v, want ErrDenied", within)
	}
}

func TestTheFoldersAboveWhereALinkLeadsAreAncestorsToo(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(dir, "owned", "below"), filepath.Join(dir, "link")
	if err := errors.Join(os.MkdirAll(real, 0o700), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	var above []string
	for _, s := range open(t, link).Ancestors() {
		above = append(above, s.Location(""))
	}
	for _, want := range []string{dir, filepath.Dir(real), "/"} {
		if !slices.Contains(above, "file://"+want) {
			t.Errorf("%q lacks %s", above, want)
		}
	}
}
