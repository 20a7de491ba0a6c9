package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func mkdir(t *testing.T, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// killed lays out what a restore into parent/name with a WAL directory leaves when it is killed just after the WAL was
// moved into place, or, with published set, just after the data was.
func killed(t *testing.T, parent, name, wal string, published bool) (site string) {
	t.Helper()
	site = mkdir(t, parent, sitePrefix+name+"-4711")
	mkdir(t, wal)
	walSite := mkdir(t, filepath.Dir(wal), sitePrefix+filepath.Base(wal)+"-815")
	var stat unix.Stat_t
	if err := unix.Stat(wal, &stat); err != nil {
		t.Fatal(err)
	}
	if err := writeJournal(site, walJournal{Site: walSite, WALDir: wal, Device: stat.Dev, Inode: stat.Ino}); err != nil {
		t.Fatal(err)
	}
	if !published {
		mkdir(t, site, "data", "member")
	}
	return site
}

func TestASweepTakesBackWhatWasNeverPublished(t *testing.T) {
	parent, disk := t.TempDir(), t.TempDir()
	wal := filepath.Join(disk, "wal")
	killed(t, parent, "etcd", wal, false)
	// The next restore need not want the same WAL directory.
	for _, next := range []Target{{DataDir: filepath.Join(parent, "etcd")}, {DataDir: filepath.Join(parent, "etcd"), WALDir: wal}} {
		if _, err := newSite(next); err != nil {
			t.Errorf("newSite(%+v): %v", next, err)
		}
	}
	for _, dir := range []string{parent, disk} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s still holds %v, %v", dir, entries, err)
		}
	}
}

func TestASweepNeverTakesBackAPublishedWAL(t *testing.T) {
	parent := t.TempDir()
	wal := filepath.Join(t.TempDir(), "wal")
	site := killed(t, parent, "etcd", wal, true)
	// The operator has moved the data elsewhere since, and restores once more.
	if _, err := newSite(Target{DataDir: filepath.Join(parent, "etcd")}); err != nil {
		t.Fatal(err)
	}
	if exists(t, site) || !exists(t, wal) {
		t.Errorf("site %v, WAL %v; want it to be gone and there", exists(t, site), exists(t, wal))
	}
}

func TestASweepLeavesAnotherWALDirectoryOfTheSameName(t *testing.T) {
	parent := t.TempDir()
	wal := filepath.Join(t.TempDir(), "wal")
	killed(t, parent, "etcd", wal, false)
	if err := os.Rename(wal, wal+"-old"); err != nil {
		t.Fatal(err)
	}
	mkdir(t, wal)
	if _, err := newSite(Target{DataDir: filepath.Join(parent, "etcd")}); err != nil {
		t.Fatal(err)
	}
	if !exists(t, wal) || !exists(t, wal+"-old") {
		t.Errorf("the new one is there: %v, the old one: %v", exists(t, wal), exists(t, wal+"-old"))
	}
}

// The names of both begin alike.
func TestARestoreIntoEtcdIsNoneIntoEtcd2(t *testing.T) {
	parent := t.TempDir()
	wal := filepath.Join(t.TempDir(), "wal")
	dead := killed(t, parent, "etcd-2", wal, false)
	living, err := newSite(Target{DataDir: filepath.Join(parent, "etcd-3")})
	if err != nil {
		t.Fatal(err)
	}
	defer living.discard()
	if err := living.create(); err != nil {
		t.Fatal(err)
	}
	if _, err := newSite(Target{DataDir: filepath.Join(parent, "etcd")}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dead, wal, living.member} {
		if !exists(t, path) {
			t.Errorf("%s is gone", path)
		}
	}
	if _, err := newSite(Target{DataDir: filepath.Join(parent, "etcd-3")}); problem.KindOf(err) != problem.Refused {
		t.Errorf("a second restore into the same directory: %v", err)
	}
}

func TestAWALDirectoryThatOverlapsIsRefused(t *testing.T) {
	parent := t.TempDir()
	for _, target := range []Target{
		{DataDir: filepath.Join(parent, "etcd"), WALDir: filepath.Join(parent, "etcd", "wal")},
		{DataDir: filepath.Join(parent, "etcd"), WALDir: filepath.Join(parent, "etcd")},
		{DataDir: filepath.Join(parent, "wal", "etcd"), WALDir: filepath.Join(parent, "wal")},
	} {
		if _, err := newSite(target); problem.KindOf(err) != problem.Usage {
			t.Errorf("newSite(%+v): %v", target, err)
		}
	}
	if _, err := newSite(Target{DataDir: filepath.Join(parent, "etcd"), WALDir: filepath.Join(parent, "etcd-wal")}); err != nil {
		t.Error(err)
	}
}

func TestASiteThatCannotBeMadeLeavesNothing(t *testing.T) {
	parent, other := t.TempDir(), t.TempDir()
	s, err := newSite(Target{DataDir: filepath.Join(parent, "etcd"), WALDir: filepath.Join(other, "file", "wal")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "file"), nil, 0o600); err != nil { // since the look at it
		t.Fatal(err)
	}
	if err := s.create(); err == nil {
		t.Fatal("a WAL directory below a file was made")
	}
	s.discard()
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestALinkThatLeadsNowhereIsRefusedAtOnce(t *testing.T) {
	for _, link := range []string{"nowhere", "etcd"} { // "etcd" leads to itself
		dir := filepath.Join(t.TempDir(), "etcd")
		if err := os.Symlink(link, dir); err != nil {
			t.Fatal(err)
		}
		if _, err := newSite(Target{DataDir: dir}); problem.KindOf(err) != problem.Refused || problem.NextOf(err) == "" {
			t.Errorf("a link to %s: %v, next: %q", link, err, problem.NextOf(err))
		}
	}
}

func TestANameThatTheFileSystemCannotHoldIsRefused(t *testing.T) {
	parent := t.TempDir()
	s, err := newSite(Target{DataDir: filepath.Join(parent, strings.Repeat("n", 250))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.create(); problem.KindOf(err) != problem.Refused || problem.NextOf(err) == "" {
		t.Errorf("%v, next: %q", err, problem.NextOf(err))
	}
}
