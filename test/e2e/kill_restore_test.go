package e2e

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// nobody owns the data directories that exist before a restore.
const nobody = 65534

// restoreKind is a way to restore.
type restoreKind struct {
	name string
	// existing: the data directory is there, is empty, and belongs to another user.
	existing bool
	// wal: the WAL has a directory of its own.
	wal bool
}

// target is a place to restore into.
type target struct {
	restoreKind
	parent, data, walParent, wal string
}

func newTarget(t *testing.T, kind restoreKind) target {
	t.Helper()
	k := target{restoreKind: kind, parent: t.TempDir(), walParent: t.TempDir()}
	k.data = filepath.Join(k.parent, "etcd")
	if kind.wal {
		k.wal = filepath.Join(k.walParent, "wal")
	}
	if kind.existing {
		if err := errors.Join(os.Mkdir(k.data, 0o700), os.Chown(k.data, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func (k target) flags() []string {
	flags := []string{"--data-dir=" + k.data}
	if k.wal != "" {
		flags = append(flags, "--wal-dir="+k.wal)
	}
	return flags
}

// complete says whether the target holds a member. Otherwise it must be as it was.
func (k target) complete(t *testing.T) bool {
	t.Helper()
	entries, err := os.ReadDir(k.data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if !k.existing && err == nil && len(entries) == 0 {
		t.Errorf("the data directory is there and empty")
	}
	for _, e := range entries {
		if e.Name() == "member" {
			return true
		}
		if !strings.HasPrefix(e.Name(), ".holdfast-restore-") {
			t.Errorf("the data directory holds %s", e.Name())
		}
	}
	return false
}

// checkOwner wants all files to belong to whom the directory belonged.
func (k target) checkOwner(t *testing.T) {
	t.Helper()
	want := uint32(0)
	if k.existing {
		want = nobody
	}
	for _, dir := range []string{k.data, k.wal} {
		if dir == "" {
			continue
		}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Sys().(*syscall.Stat_t).Uid != want {
				t.Errorf("%s belongs to user %d, want %d", path, info.Sys().(*syscall.Stat_t).Uid, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// remains are what a restore has left beside its result.
func (k target) remains(t *testing.T) []string {
	t.Helper()
	return append(left(t, k.parent), below(t, k.walParent, func(name string) bool {
		return isTemporary(name) || strings.Contains(name, "broken")
	})...)
}

// boot starts an etcd on the target and compares what it holds.
func (k target) boot(t *testing.T, e *server.Etcd, want server.Hash) {
	t.Helper()
	m := e.Members[0]
	m.ExtraArgs = nil
	if k.wal != "" {
		m.ExtraArgs = []string{"--wal-dir=" + k.wal}
	}
	if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: map[string]string{m.Name: k.data}}); err != nil {
		t.Fatal(err)
	}
	got, err := e.HashKV(t.Context(), want.Revision)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash != want.Hash {
		t.Errorf("it serves %+v, want %+v", got, want)
	}
	if err := e.KillMembers(); err != nil {
		t.Fatal(err)
	}
}

func TestAKilledRestoreLeavesAllOrNothing(t *testing.T) {
	e, etcdFlags := killEtcd(t)
	want, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := []string{"--repo=file://" + filepath.Join(t.TempDir(), "repo")}
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	bucket, env := s3Flags(s, newFolder())
	u := newUser(t, env...)
	save := append([]string{"etcd", "save", "--verify=content", "--min-free=0"}, etcdFlags...)
	sources := map[string][]string{
		"raw":  append(dir, ask[saved](u, append(append(save, "--compress=none"), dir...)...).File),
		"zstd": append(dir, ask[saved](u, append(append(save, "--compress=zstd"), dir...)...).File),
		"zip":  append(dir, ask[saved](u, append(append(save, "--compress=zip"), dir...)...).File),
		"s3":   append(bucket, ask[saved](u, append(append(save, "--compress=zstd"), bucket...)...).File),
	}
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []restoreKind{{"absent", false, false}, {"existing", true, false}, {"wal", false, true}, {"existing with wal", true, true}} {
		t.Run(kind.name, func(t *testing.T) { killRestores(t, e, env, kind, sources, want) })
	}
}

func killRestores(t *testing.T, e *server.Etcd, env []string, kind restoreKind, sources map[string][]string, want server.Hash) {
	names := []string{"raw", "zstd", "zip", "s3"}
	command := func(k target, source string) []string {
		args := append([]string{"etcd", "restore"}, sources[source]...)
		return append(append(args, memberFlags(e, e.Members[0])...), k.flags()...)
	}
	full := map[string]time.Duration{}
	for _, source := range names {
		full[source] = measured(func() { newUser(t, env...).must(command(newTarget(t, kind), source)...) })
	}
	rounds(t, "restore "+kind.name, kills, func(t *testing.T, r *rand.Rand) {
		source := names[r.IntN(len(names))]
		k, u := newTarget(t, kind), newUser(t, env...)
		m := chooseMoment(r, full[source], []string{"read:", "check the content:", "write the data directory:"})
		p := u.start(command(k, source)...)
		ended := p.killAt(m)
		struck(t, p.stage(), ended)
		complete := k.complete(t)
		t.Logf("%s, killed %s; ended before: %v; complete: %v", source, m, ended, complete)
		checkNobodyLives(t)

		again := u.run(command(k, source)...)
		switch {
		case complete && again.code != 3:
			t.Errorf("a second restore over the first: %s", again)
		case !complete && again.code != 0:
			t.Fatalf("second try: %s", again)
		}
		if rest := append(k.remains(t), left(t, u.spool())...); len(rest) > 0 {
			t.Errorf("remains: %q", rest)
		}
		k.checkOwner(t)
		k.boot(t, e, want)
	})
}

func TestAKilledTrialRestoreLeavesNothingBehind(t *testing.T) {
	_, etcdFlags := killEtcd(t)
	repo := []string{"--repo=file://" + filepath.Join(t.TempDir(), "repo")}
	u := newUser(t)
	s := shelf{u, repo}
	save := append(append([]string{"etcd", "save", "--verify=checksum", "--min-free=0"}, etcdFlags...), repo...)
	files := []string{
		ask[saved](u, append(save, "--compress=none")...).File,
		ask[saved](u, append(save, "--compress=zstd")...).File,
	}
	verify := func(file string) []string { return s.args("repo", "verify", "--level=restore", file) }
	var full time.Duration
	for _, file := range files {
		full = max(full, measured(func() { u.must(verify(file)...) }))
	}
	rounds(t, "trial", kills, func(t *testing.T, r *rand.Rand) {
		file := files[r.IntN(len(files))]
		m := chooseMoment(r, full, []string{"trial restore:"})
		p := u.start(verify(file)...)
		ended := p.killAt(m)
		struck(t, p.stage(), ended)
		t.Logf("%s, killed %s; ended before: %v", file, m, ended)
		checkNobodyLives(t)
		for _, l := range s.list(t) {
			if l.State != "restored" { // the tests before the kill have seen to that, and a kill takes nothing back
				t.Errorf("%s is listed as %s: %s", l.Name, l.State, l.Reason)
			}
		}
		u.must(verify(file)...)
		if rest := append(left(t, u.spool()), left(t, strings.TrimPrefix(repo[0], "--repo=file://"))...); len(rest) > 0 {
			t.Errorf("remains: %q", rest)
		}
	})
}
