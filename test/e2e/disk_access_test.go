package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAReadOnlyDiskIsNamed(t *testing.T) {
	e := smallEtcd(t)
	etcdFlags, _ := reach(e)
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...)
	disk := tmpfs(t, "size=300m")
	s := shelf{newUser(t), []string{"--repo=file://" + filepath.Join(disk, "repo")}}
	file := ask[saved](s.u, s.args(save...)...).File
	remount(t, disk, "", true)

	checkFails(t, s.u.run(s.args(save...)...), 7, "the file system is read-only", "next: ")
	checkFails(t, s.u.run(s.args(append(save, "--compress=zstd")...)...), 7, "the file system is read-only")
	checkFails(t, s.u.run(append(save, "--repo=file://"+filepath.Join(disk, "another"))...), 7, "the file system is read-only")
	checkFails(t, s.run("repo", "delete", file), 7, "the file system is read-only")
	checkFails(t, s.run("etcd", "restore", file, "--min-free=0", "--data-dir="+filepath.Join(disk, "etcd")), 3, "the file system is read-only")
	checkFails(t, s.run("etcd", "save", "--verify=checksum", "--min-free=0", "--compress=zip", "--spool-dir="+disk, etcdFlags[0]), 3, "write a temporary file in "+disk, "read-only")
	// What needs no writing still works.
	checkSaved(t, s, disk, 1)
	s.u.must(s.args("etcd", "restore", file, "--min-free=0", "--data-dir="+filepath.Join(t.TempDir(), "etcd"))...)

	remount(t, disk, "", false)
	s.u.must(s.args(save...)...)
	checkSaved(t, s, disk, 2)
}

func TestWhatAnOrdinaryUserMayNotReadOrWriteIsNamed(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{TLS: true, NoFsync: true})
	tls := e.TLS()
	etcdFlags, _ := reach(e)
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...)
	root := newUser(t)
	theirs := t.TempDir()
	file := ask[saved](root, append(save, "--repo=file://"+theirs)...).File

	u := newUser(t)
	u.uid = nobody
	ours := filepath.Join(u.home, "repo")
	for _, dir := range []string{u.home, u.spool()} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	openPath(t, u.home)
	// Each is readable by its owner alone.
	for _, path := range []string{tls.Key, tls.Cert, tls.CA} {
		openPath(t, filepath.Dir(path))
		for _, other := range []string{tls.Key, tls.Cert, tls.CA} {
			mode := os.FileMode(0o644)
			if other == path {
				mode = 0o600
			}
			if err := os.Chmod(other, mode); err != nil {
				t.Fatal(err)
			}
		}
		checkFails(t, u.run(append(save, "--repo=file://"+ours)...), 7, path, "next: ")
	}
	if err := os.Chmod(tls.CA, 0o644); err != nil {
		t.Fatal(err)
	}
	u.must(append(save, "--repo=file://"+ours)...)

	openPath(t, filepath.Dir(theirs))
	checkFails(t, u.run(append(save, "--repo=file://"+theirs)...), 7, theirs, "this user", "next: ")
	checkFails(t, u.run("repo", "ls", "--repo=file://"+theirs), 7, theirs, "next: ")
	openPath(t, theirs)
	checkFails(t, u.run("etcd", "restore", filepath.Join(theirs, file), "--min-free=0", "--data-dir="+filepath.Join(u.home, "etcd")), 7,
		"this user may not read it")
	if err := os.Mkdir(filepath.Join(theirs, "root-only"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(theirs, "root-only"), filepath.Join(theirs, "new")} {
		checkFails(t, u.run("etcd", "restore", "--latest", "--repo=file://"+ours, "--min-free=0", "--data-dir="+dir), 7, "this user may not write there", "next: ")
	}
	if rest := append(left(t, theirs), left(t, u.home)...); len(rest) > 0 {
		t.Errorf("remains: %q", rest)
	}
}

// openPath lets everybody through to a directory.
func openPath(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARepositoryThatIsAFileOrGoesAwayIsNamed(t *testing.T) {
	_, proxy, etcdFlags := diskEtcd(t, false)
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("what somebody needs"))
	u := newUser(t)
	for _, path := range []string{file, filepath.Join(file, "below")} {
		checkFails(t, u.run(append(save, "--repo=file://"+path)...), 5, "is a file", "next: ")
		checkFails(t, u.run("repo", "ls", "--repo=file://"+path), 5, "next: ")
	}
	if got := string(read(t, file)); got != "what somebody needs" {
		t.Errorf("the file holds %q now", got)
	}
	for _, compress := range []string{"none", "zstd"} {
		t.Run("removed, "+compress, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repo")
			s := shelf{newUser(t), []string{"--repo=file://" + dir}}
			if err := proxy.Inject(t.Context(), server.ToClient, server.Bandwidth(4<<10)); err != nil {
				t.Fatal(err)
			}
			r := s.u.start(s.args(append(save, "--compress="+compress)...)...)
			eventually(t, "the payload is being written", func() bool { return len(left(t, dir)) > 0 })
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			heal(t, proxy)
			checkFails(t, r.wait(), 5, "does not exist", "next: ")
			if _, err := os.Lstat(dir); !os.IsNotExist(err) {
				t.Errorf("the directory is back: %v", err)
			}
			s.u.must(s.args(append(save, "--compress="+compress)...)...)
			checkSaved(t, s, dir, 1)
		})
	}
}
