package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// cramped is an etcd, and a snapshot of it, for commands on disks that are too small.
type cramped struct {
	e     *server.Etcd
	proxy *server.Proxy
	save  []string
	file  string // a snapshot without its manifest does not tell how large the database in it is
	want  server.Hash
}

func newCramped(t *testing.T) cramped {
	t.Helper()
	e, proxy, etcdFlags := diskEtcd(t, true)
	c := cramped{e: e, proxy: proxy, save: append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...)}
	var err error
	if c.want, err = e.HashKV(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "repo")
	c.file = filepath.Join(dir, ask[saved](newUser(t), append(c.save, "--compress=zstd", "--repo=file://"+dir)...).File)
	return c
}

// room is the size of a disk that may be enough for what goes there, and mostly is not.
func room(r *rand.Rand, enough int64) int64 { return 64<<10 + r.Int64N(enough) }

func sized(size int64) string { return fmt.Sprintf("size=%d", size) }

// The byte at which a disk is full differs from case to case.
func TestADiskThatFillsUpAtAnyByteLeavesAllOrNothing(t *testing.T) {
	c := newCramped(t)
	rounds(t, "disk full", 5, func(t *testing.T, r *rand.Rand) {
		switch r.IntN(4) {
		case 0:
			c.fullDuringSave(t, r, "save, raw into the repository", "--compress=none")
		case 1:
			c.fullDuringSave(t, r, "save, spool", "--compress=zstd", "--spool-dir=")
		case 2:
			c.smallRepository(t, r)
		case 3:
			c.smallTarget(t, r)
		}
	})
}

// fullDuringSave saves to a disk that is large enough at the start; flags that end with "=" get it as their value, else
// the repository lies there.
func (c cramped) fullDuringSave(t *testing.T, r *rand.Rand, stage string, flags ...string) {
	t.Helper()
	disk := tmpfs(t, "size=64m")
	dir := filepath.Join(disk, "repo")
	if last := len(flags) - 1; flags[last] == "--spool-dir=" {
		dir, flags[last] = filepath.Join(t.TempDir(), "repo"), "--spool-dir="+disk
	}
	s := shelf{newUser(t), []string{"--repo=file://" + dir}}
	save := append(append([]string{}, c.save...), flags...)
	o := fillWhile(t, c.proxy, disk, r.Int64N(killSize-2<<20), s, save...)
	struck(t, stage, o.code == 0)
	c.checkSaveFailed(t, o, s, dir)
	s.u.must(s.args(save...)...)
	checkSaved(t, s, dir, stored(o)+1)
}

// smallRepository saves compressed into a repository whose disk is too small from the start.
func (c cramped) smallRepository(t *testing.T, r *rand.Rand) {
	t.Helper()
	disk := tmpfs(t, sized(room(r, killSize)))
	dir := filepath.Join(disk, "repo")
	s := shelf{newUser(t), []string{"--repo=file://" + dir}}
	save := append(append([]string{}, c.save...), "--compress="+[]string{"zstd", "zip"}[r.IntN(2)])
	o := s.u.run(s.args(save...)...)
	struck(t, "save, compressed into the repository", o.code == 0)
	c.checkSaveFailed(t, o, s, dir)
	remount(t, disk, "size=128m", false)
	s.u.must(s.args(save...)...)
	checkSaved(t, s, dir, stored(o)+1)
}

// stored is how many snapshots a save has left.
func stored(o outcome) int {
	if o.code == 0 {
		return 1
	}
	return 0
}

func (c cramped) checkSaveFailed(t *testing.T, o outcome, s shelf, dir string) {
	t.Helper()
	if o.code != 0 {
		checkFails(t, o, 8, "next: ")
	}
	if ls := s.run("repo", "ls"); ls.code != 5 || o.code == 0 { // a save that failed at once has made no directory
		checkSaved(t, s, dir, stored(o))
	}
}

// smallTarget restores to a disk that is too small for database and WAL.
func (c cramped) smallTarget(t *testing.T, r *rand.Rand) {
	t.Helper()
	k, u := newTarget(t, restoreKind{name: "absent"}), newUser(t)
	disk := tmpfs(t, sized(room(r, killSize+80<<20)))
	k.parent, k.data = disk, filepath.Join(disk, "etcd")
	args := append(append([]string{"etcd", "restore", c.file}, memberFlags(c.e, c.e.Members[0])...), k.flags()...)
	o := u.run(args...)
	struck(t, "restore", o.code == 0)
	if o.code != 0 {
		checkFails(t, o, 8, "next: ")
	}
	if rest := append(k.remains(t), left(t, u.spool())...); k.complete(t) != (o.code == 0) || len(rest) > 0 {
		t.Errorf("complete %v, remains %q: %s", k.complete(t), rest, o)
	}
	if o.code != 0 {
		remount(t, disk, "size=400m", false)
		u.must(args...)
	}
	if hash := offlineHash(t, k.data); hash != c.want.Hash {
		t.Errorf("the content has hash %d, want %d", hash, c.want.Hash)
	}
}
