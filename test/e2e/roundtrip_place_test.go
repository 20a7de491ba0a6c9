package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestASnapshotOfAFullEtcdRestoresToOneThatTakesWrites(t *testing.T) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			e := servertest.Etcd(t, server.EtcdConfig{Version: version, NoFsync: true, QuotaBytes: 4 << 20})
			cli := servertest.EtcdClient(t, e)
			overflow(t, cli)
			u := newUser(t)
			flags, _ := reach(e)
			repo := "--repo=file://" + t.TempDir()
			o := u.must(append([]string{"etcd", "save", repo, "--verify=restore", "--min-free=0", "-o", "name"}, flags...)...)
			if !strings.Contains(o.stderr, "NOSPACE") {
				t.Errorf("the alarm is not told: %s", o)
			}
			if err := e.Stop(); err != nil {
				t.Fatal(err)
			}
			again := servertest.NewEtcd(t, server.EtcdConfig{Version: version})
			all := restoreAll(t, u, again, repo, strings.TrimSpace(o.stdout))
			if got := all["m1"].ClearedAlarms; !slices.Equal(got, []string{"NOSPACE"}) {
				t.Errorf("cleared alarms: %v", got)
			}
			serve(t, again, all, version)
			alarms, err := servertest.EtcdClient(t, again).AlarmList(t.Context())
			if err != nil || len(alarms.Alarms) > 0 {
				t.Errorf("alarms: %v, %v", alarms, err)
			}
			checkLives(t, again)
		})
	}
}

// overflow writes until etcd refuses.
func overflow(t *testing.T, cli *clientv3.Client) {
	t.Helper()
	for n := range 100 {
		_, err := cli.Put(t.Context(), fmt.Sprintf("large/%d", n), strings.Repeat("x", 256<<10))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the quota was never reached")
}

func TestTheWALCanLieElsewhere(t *testing.T) {
	s := stock(t, "3.6")
	wal := filepath.Join(t.TempDir(), "below", "wal")
	e := servertest.NewEtcd(t, server.EtcdConfig{Version: "3.6"})
	m := e.Members[0]
	m.ExtraArgs = []string{"--wal-dir=" + wal}
	all := restoreAll(t, s.u, e, s.repo, s.File, "--wal-dir="+wal)
	if _, err := os.Stat(filepath.Join(all[m.Name].DataDir, "member", "wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a WAL in the data directory too: %v", err)
	}
	checkNoRemains(t, filepath.Dir(wal))
	serve(t, e, all, "3.6")
	checkLives(t, e)
}

// checkNoRemains looks for what a restore may leave beside its results.
func checkNoRemains(t *testing.T, dir string) {
	t.Helper()
	remains, err := filepath.Glob(filepath.Join(dir, ".holdfast-*"))
	if err != nil || len(remains) > 0 {
		t.Errorf("left behind: %v, %v", remains, err)
	}
}

// The etcd user owns the empty directory, root restores.
func TestAnEmptyDataDirectoryIsTakenAndKeepsItsOwner(t *testing.T) {
	s := stock(t, "3.6")
	dir := filepath.Join(t.TempDir(), "etcd")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = 12345
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	e := restoreInto(t, s, dir)
	checkNoRemains(t, dir)
	checkNoRemains(t, filepath.Dir(dir))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		if int(stat.Uid) != owner {
			t.Errorf("%s belongs to %d, want %d", path, stat.Uid, owner)
		}
		if d.IsDir() && path != dir && info.Mode().Perm() != 0o700 || !d.IsDir() && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		files++
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the directory's own mode: %v, %v", info, err)
	}
	serveIn(t, e, dir)
}

// A mount point cannot be renamed, and a new file system is not quite empty.
func TestAMountPointIsTakenAsDataDirectory(t *testing.T) {
	s := stock(t, "3.6")
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=400m,mode=0700"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("this user may not mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := restoreInto(t, s, dir)
	checkNoRemains(t, dir)
	serveIn(t, e, dir)
	if err := e.Stop(); err != nil { // before the directory goes
		t.Fatal(err)
	}
}

func restoreInto(t *testing.T, s stocked, dir string) *server.Etcd {
	t.Helper()
	e := servertest.NewEtcd(t, server.EtcdConfig{Version: "3.6"})
	s.u.must(append([]string{"etcd", "restore", s.repo, s.File, "--data-dir=" + dir}, memberFlags(e, e.Members[0])...)...)
	return e
}

func serveIn(t *testing.T, e *server.Etcd, dir string) {
	t.Helper()
	if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: map[string]string{"m1": dir}}); err != nil {
		t.Fatal(err)
	}
	checkLives(t, e)
}
