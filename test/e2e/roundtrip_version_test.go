package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// stocked is a repository with one snapshot of a small cluster, and what the cluster was.
type stocked struct {
	u    *user
	repo string // the flag
	dir  string
	saved
	hash server.Hash
}

// stock saves a cluster that has just been filled with a few objects.
func stock(t *testing.T, version string, flags ...string) stocked {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{Version: version, NoFsync: true})
	cli := servertest.EtcdClient(t, e)
	d, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 3, Objects: 300, Leases: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Age(t.Context(), cli, kubedata.Aging{Updates: 40, Deletes: 20, Compact: true}); err != nil {
		t.Fatal(err)
	}
	hash, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := stocked{u: newUser(t), dir: filepath.Join(t.TempDir(), "repo"), hash: hash}
	s.repo = "--repo=file://" + s.dir
	reached, _ := reach(e)
	args := append([]string{"etcd", "save", s.repo, "--verify=content", "--min-free=0"}, reached...)
	s.saved = ask[saved](s.u, append(args, flags...)...)
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	return s
}

// path is the snapshot as a file.
func (s stocked) path() string { return filepath.Join(s.dir, s.File) }

// open restores into a cluster of one and starts an etcd of this version over it.
func (s stocked) open(t *testing.T, version string, flags ...string) (*server.Etcd, restored) {
	t.Helper()
	e := servertest.NewEtcd(t, server.EtcdConfig{Version: version})
	all := restoreAll(t, s.u, e, s.repo, s.File, flags...)
	serve(t, e, all, version)
	return e, all[e.Members[0].Name]
}

func TestASnapshotOpensOnTheEtcdThatItWasMadeFor(t *testing.T) {
	for _, c := range []struct {
		from  string
		opens map[string]string // version to --etcd-version
	}{
		{"3.5", map[string]string{"3.5": "", "3.6": "", "3.7": "3.7"}},
		{"3.6", map[string]string{"3.5": "3.5", "3.6": "3.6", "3.7": ""}},
		{"3.7", map[string]string{"3.5": "3.5", "3.6": "3.6", "3.7": ""}},
	} {
		t.Run(c.from, func(t *testing.T) {
			t.Parallel()
			s := stock(t, c.from)
			for on, target := range c.opens {
				t.Run("on "+on, func(t *testing.T) { testOpens(t, s, on, target) })
			}
		})
	}
}

func testOpens(t *testing.T, s stocked, on, target string) {
	only(t, "etcd "+s.Source.EtcdVersion+" opened by "+on)
	flags := []string{"--etcd-binary=" + servertest.Tool(t, "etcd-"+on)}
	if target != "" {
		flags = append(flags, "--etcd-version="+target)
	}
	e, r := s.open(t, on, flags...)
	hash, err := e.HashKV(t.Context(), s.hash.Revision)
	if err != nil {
		t.Fatal(err)
	}
	if hash != s.hash || r.Revision != s.hash.Revision || *r.Snapshot.HashKV != hash.Hash {
		t.Errorf("got %+v, want %+v; the restore said %+v", hash, s.hash, r)
	}
	wantStorage := s.Database.StorageVersion
	if target != "" && wantStorage != "" {
		wantStorage = map[string]string{"3.5": "", "3.6": "3.6.0", "3.7": "3.7.0"}[target]
	}
	if r.StorageVersion != wantStorage {
		t.Errorf("the result is said to have storage version %q, want %q", r.StorageVersion, wantStorage)
	}
	checkLives(t, e)
}

func TestASnapshotOfANewerEtcdIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	s := stock(t, "3.7")
	older := "--etcd-binary=" + servertest.Tool(t, "etcd-3.6")
	parent := t.TempDir()
	dir := "--data-dir=" + filepath.Join(parent, "below", "etcd")
	says := []string{
		"the snapshot is of etcd 3.7, which etcd 3.6 cannot open",
		"next: run etcd 3.7 or newer on the result, or make it fit with --etcd-version 3.6",
	}
	s.u.refused(3, says, "etcd", "restore", s.repo, s.File, dir, older, "--min-free=0")
	s.u.refused(3, says, "etcd", "restore", s.path(), dir, older, "--min-free=0")
	s.u.refused(3, []string{"etcd 3.6, which etcd 3.5 cannot open"}, "etcd", "restore", s.repo, s.File, dir, "--etcd-version=3.6",
		"--etcd-binary="+servertest.Tool(t, "etcd-3.5"), "--min-free=0")
	s.u.refused(2, []string{"only 3.5 to 3.7 can be targeted"}, "etcd", "restore", s.repo, s.File, dir, "--etcd-version=3.4", "--min-free=0")
	s.u.refused(2, []string{"it does not answer as an etcd does"}, "etcd", "restore", s.repo, s.File, dir, "--etcd-binary=/bin/true")
	checkEmpty(t, parent)

	t.Run("and rightly so", func(t *testing.T) {
		e := servertest.NewEtcd(t, server.EtcdConfig{Version: "3.6"})
		m := e.Members[0]
		m.DataDir = restoreAll(t, s.u, e, s.repo, s.File)[m.Name].DataDir
		if err := m.Launch(); err != nil {
			t.Fatal(err)
		}
		words, err := m.WaitEnd(t.Context())
		if err != nil || !strings.Contains(words, `3.7.0\" is not supported`) {
			t.Errorf("etcd 3.6 on it: %v\n%s", err, words)
		}
	})
}

// checkEmpty wants a directory with nothing in it, not even a hidden name.
func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left in %s", e.Name(), dir)
	}
}

func TestARaisedRevisionIsKeptByEveryEtcd(t *testing.T) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			testRaisedRevision(t, version)
		})
	}
}

func testRaisedRevision(t *testing.T, version string) {
	only(t, "raised revision")
	const bump = 1_000_000
	s := stock(t, version)
	plain, _ := s.open(t, version)
	want := records(t, plain)
	if err := plain.Stop(); err != nil {
		t.Fatal(err)
	}
	e, r := s.open(t, version, "--bump-revision=1000000", "--mark-compacted")
	raised := s.hash.Revision + bump
	if r.Revision != raised {
		t.Errorf("the restore says revision %d, want %d", r.Revision, raised)
	}
	cli := servertest.EtcdClient(t, e)
	checkCompacted := func(when string, next int64) {
		t.Helper()
		for _, old := range []int64{1, s.hash.Revision, s.hash.Revision + 1, raised - 1} {
			if got := readAt(t, cli, old); got != "compacted" {
				t.Errorf("%s: a read at revision %d: %s", when, old, got)
			}
			if got := compactedBy(t, cli, old); got != raised {
				t.Errorf("%s: a watch from revision %d says it is compacted up to %d, want %d", when, old, got, raised)
			}
		}
		if got := records(t, e); !slices.Equal(got, want) {
			t.Errorf("%s: %d records, want %d that are the same", when, len(got), len(want))
		}
		if got := put(t, cli, "raised", when); got != next {
			t.Errorf("%s: a new write has revision %d, want %d", when, got, next)
		}
	}
	checkCompacted("after the restore", raised+1)
	if err := e.Members[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkCompacted("after a restart", raised+2)
	// The mark was set without a compaction: the next one has the removing to do.
	if _, err := cli.Compact(t.Context(), raised+2, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if got := records(t, e); !slices.Equal(got, want) {
		t.Errorf("after a compaction: %d records, want %d that are the same", len(got), len(want))
	}
	if _, err := e.HashKV(t.Context(), 0); err != nil {
		t.Error(err)
	}
}

// records are all keys with their revisions and values, but those that these tests write.
func records(t *testing.T, e *server.Etcd) []string {
	t.Helper()
	cli := servertest.EtcdClient(t, e)
	r, err := cli.Get(t.Context(), "/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kvs) < 100 {
		t.Fatalf("only %d records", len(r.Kvs))
	}
	all := make([]string, len(r.Kvs))
	for i, kv := range r.Kvs {
		all[i] = kv.String()
	}
	return all
}

// compactedBy is the compact revision that a watch from an old revision is told.
func compactedBy(t *testing.T, cli *clientv3.Client, revision int64) int64 {
	t.Helper()
	answer, ok := <-cli.Watch(t.Context(), "raised", clientv3.WithRev(revision))
	if !ok || !answer.Canceled {
		t.Fatalf("a watch from revision %d was not refused: %+v", revision, answer)
	}
	return answer.CompactRevision
}
