package e2e

import (
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
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

// remount changes a mounted file system: its size, or whether it may be written to.
func remount(t *testing.T, dir, options string, readOnly bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("", dir, "", flags, options); err != nil {
		t.Fatalf("remount: %v", err)
	}
}

func used(t *testing.T, dir string) int64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Blocks-fs.Bfree) * fs.Bsize
}

// fillUp takes all the space that is left, and returns how to give it back.
func fillUp(t *testing.T, dir string) (free func()) {
	t.Helper()
	file, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 64<<10)
	for {
		if _, err := file.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// diskEtcd is an etcd of killSize, behind a proxy; with incompressible content a compressed copy is about as large.
func diskEtcd(t *testing.T, incompressible bool) (*server.Etcd, *server.Proxy, []string) {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	if incompressible {
		cli := servertest.EtcdClient(t, e)
		value := make([]byte, 1<<20)
		for i := range killSize >> 20 {
			rand.Read(value)
			put(t, cli, "random/"+strconv.Itoa(i), string(value))
		}
	} else {
		fillEtcd(t, e, killSize)
	}
	u, err := url.Parse(e.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := servertest.Proxy(t, u.Host)
	return e, proxy, []string{"--endpoints=http://" + proxy.Address}
}

// checkSaved wants the repository to hold so many snapshots, all whole, and nothing temporary.
func checkSaved(t *testing.T, s shelf, dir string, want int) {
	t.Helper()
	if list := s.checkWhole(t); len(list) != want {
		t.Errorf("listed: %q, want %d", joined(list), want)
	}
	if rest := append(left(t, dir), left(t, s.u.spool())...); len(rest) > 0 {
		t.Errorf("remains: %q", rest)
	}
}

func TestADiskThatFillsUpDuringASave(t *testing.T) {
	_, proxy, etcdFlags := diskEtcd(t, true)
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...)
	fillMeanwhile := func(t *testing.T, full string, s shelf, args ...string) outcome {
		return fillWhile(t, proxy, full, 256<<10, s, append(save, args...)...)
	}
	t.Run("repository, raw", func(t *testing.T) {
		disk := tmpfs(t, "size=64m")
		dir := filepath.Join(disk, "repo")
		s := shelf{newUser(t), []string{"--repo=file://" + dir}}
		checkFails(t, fillMeanwhile(t, disk, s, "--compress=none"), 8, "no space left", "next: ")
		checkSaved(t, s, dir, 0)
		s.u.must(s.args(save...)...)
		checkSaved(t, s, dir, 1)
	})
	t.Run("repository, compressed", func(t *testing.T) {
		// Large enough for what a database usually becomes, and too small for this one.
		disk := tmpfs(t, "size=8m")
		dir := filepath.Join(disk, "repo")
		s := shelf{newUser(t), []string{"--repo=file://" + dir}}
		for _, compress := range []string{"zstd", "zip"} {
			checkFails(t, s.u.run(s.args(append(save, "--compress="+compress)...)...), 8, "no space left", "next: ")
			checkSaved(t, s, dir, 0)
		}
		remount(t, disk, "size=64m", false)
		s.u.must(s.args(append(save, "--compress=zstd")...)...)
		checkSaved(t, s, dir, 1)
	})
	t.Run("repository, no inode left", func(t *testing.T) {
		disk := tmpfs(t, "size=64m,nr_inodes=3")
		s := shelf{newUser(t), []string{"--repo=file://" + disk}}
		checkFails(t, s.u.run(s.args(save...)...), 8, "no space left", "next: ")
		checkSaved(t, s, disk, 0)
	})
	t.Run("spool", func(t *testing.T) {
		spool, dir := tmpfs(t, "size=64m"), filepath.Join(t.TempDir(), "repo")
		s := shelf{newUser(t), []string{"--repo=file://" + dir, "--spool-dir=" + spool}}
		checkFails(t, fillMeanwhile(t, spool, s, "--compress=zstd"), 8, "write a temporary file in "+spool, "the disk is full", "--spool-dir")
		checkSaved(t, s, dir, 0)
		checkEmpty(t, spool)
		s.u.must(s.args(append(save, "--compress=zstd")...)...)
		checkSaved(t, s, dir, 1)
	})
}

// fillWhile runs a command to which etcd's stream comes slowly until so many bytes of it have arrived on a disk; then the
// disk is full of something else.
func fillWhile(t *testing.T, proxy *server.Proxy, full string, arrived int64, s shelf, args ...string) outcome {
	t.Helper()
	if err := proxy.Inject(t.Context(), server.ToClient, server.Bandwidth(4<<10)); err != nil {
		t.Fatal(err)
	}
	before := used(t, full)
	r := s.u.start(s.args(args...)...)
	eventually(t, "the stream has begun to arrive", func() bool { return used(t, full) > before+arrived })
	free := fillUp(t, full)
	heal(t, proxy)
	o := r.wait()
	free()
	return o
}

// checkFails wants a run to have ended with this exit code, and each text on standard error.
func checkFails(t *testing.T, o outcome, code int, says ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("want exit code %d: %s", code, o)
	}
	for _, text := range says {
		if !strings.Contains(o.stderr, text) {
			t.Errorf("want %q on standard error: %s", text, o)
		}
	}
}

func TestTooLittleSpaceIsRefusedBeforeTheFirstWrite(t *testing.T) {
	_, _, etcdFlags := diskEtcd(t, false)
	save := append([]string{"etcd", "save", "--verify=checksum", "--cluster-id=" + engineCluster}, etcdFlags...)
	good := shelf{newUser(t), []string{"--repo=file://" + filepath.Join(t.TempDir(), "repo")}}
	file := ask[saved](good.u, good.args(append(save, "--compress=none", "--min-free=0")...)...).File

	t.Run("save leaves the usual reserve", func(t *testing.T) {
		disk := tmpfs(t, "size=200m")
		for _, compress := range []string{"none", "zstd"} {
			s := shelf{newUser(t), []string{"--repo=file://" + disk}}
			checkFails(t, s.u.run(s.args(append(save, "--compress="+compress)...)...), 8, "1.0 GiB must stay free", "--min-free")
			checkSaved(t, s, disk, 0)
		}
	})
	t.Run("save needs the database's size", func(t *testing.T) {
		disk := tmpfs(t, "size=10m")
		s := shelf{newUser(t), []string{"--repo=file://" + disk}}
		checkFails(t, s.u.run(s.args(append(save, "--compress=none", "--min-free=0")...)...), 8, "are needed")
		checkSaved(t, s, disk, 0)
		s.flags = append(good.flags, "--spool-dir="+disk)
		checkFails(t, s.u.run(s.args(append(save, "--compress=zstd", "--min-free=0")...)...), 8, disk, "are needed")
	})
	t.Run("restore leaves the usual reserve", func(t *testing.T) {
		disk := tmpfs(t, "size=300m")
		checkFails(t, good.run("etcd", "restore", file, "--data-dir="+filepath.Join(disk, "a", "b")), 8, "1.0 GiB must stay free", "--min-free")
		checkEmpty(t, disk)
	})
	t.Run("restore needs room for data and WAL", func(t *testing.T) {
		disk, other := tmpfs(t, "size=140m"), tmpfs(t, "size=20m")
		restore := func(flags ...string) outcome {
			return good.run(append([]string{"etcd", "restore", file, "--min-free=0", "--data-dir=" + filepath.Join(disk, "etcd")}, flags...)...)
		}
		checkFails(t, restore(), 8, disk, "are needed")
		checkFails(t, restore("--wal-dir="+filepath.Join(other, "wal")), 8, other, "20 MiB are free", "are needed")
		checkEmpty(t, disk)
		checkEmpty(t, other)
		remount(t, disk, "size=200m", false)
		if o := restore(); o.code != 0 {
			t.Error(o)
		}
	})
}

func TestADiskThatFillsUpDuringARestore(t *testing.T) {
	e, _, etcdFlags := diskEtcd(t, false)
	want, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "repo")
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0", "--repo=file://" + dir}, etcdFlags...)
	zst := ask[saved](newUser(t), append(save, "--compress=zstd")...).File
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	command := func(k target) []string {
		// A file without its manifest does not tell how large the database in it is.
		args := append([]string{"etcd", "restore", filepath.Join(dir, zst)}, memberFlags(e, e.Members[0])...)
		return append(args, k.flags()...)
	}
	for _, kind := range []restoreKind{{"absent", false, true}, {"existing", true, true}} { // with the WAL elsewhere
		t.Run(kind.name, func(t *testing.T) {
			k, u := newTarget(t, restoreKind{kind.name, false, true}), newUser(t)
			disk := tmpfs(t, "size=12m")
			k.restoreKind, k.parent, k.data = kind, disk, filepath.Join(disk, "etcd")
			if kind.existing {
				if err := errors.Join(os.Mkdir(k.data, 0o700), os.Chown(k.data, nobody, nobody)); err != nil {
					t.Fatal(err)
				}
			}
			checkFails(t, u.run(command(k)...), 8, "the disk is full", "next: ")
			if k.complete(t) {
				t.Error("the target is complete")
			}
			if rest := append(k.remains(t), left(t, u.spool())...); len(rest) > 0 {
				t.Errorf("remains: %q", rest)
			}
			remount(t, disk, "size=400m", false)
			u.must(command(k)...)
			k.boot(t, e, want)
		})
	}
}

func TestASpoolThatFillsUpDuringARestore(t *testing.T) {
	_, _, etcdFlags := diskEtcd(t, false)
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	flags, env := s3Flags(s, newFolder())
	u := newUser(t, env...)
	save := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0", "--compress=zip"}, etcdFlags...)
	zip := ask[saved](u, append(save, flags...)...).File // an archive has to be fetched whole before it can be read
	spool := tmpfs(t, "size=1m")
	k := newTarget(t, restoreKind{name: "absent"})
	args := append([]string{"etcd", "restore", zip, "--min-free=0", "--spool-dir=" + spool}, append(k.flags(), flags...)...)
	checkFails(t, u.run(args...), 8, "write a temporary file in "+spool, "the disk is full", "--spool-dir")
	checkEmpty(t, spool)
	if rest := k.remains(t); k.complete(t) || len(rest) > 0 {
		t.Errorf("complete %v, remains %q", k.complete(t), rest)
	}
	remount(t, spool, "size=64m", false)
	u.must(args...)
}
