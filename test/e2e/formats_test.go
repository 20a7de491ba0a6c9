package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// listing is what holdfast repo ls -o json prints.
type listing struct {
	Snapshots []foundFile `json:"snapshots"`
}

// foundFile is the part of it that a foreign file's name and content tell.
type foundFile struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Maker     string    `json:"maker"`
	Base      string    `json:"baseName"`
	Node      string    `json:"node"`
	CreatedAt time.Time `json:"createdAt"`
	Trigger   string    `json:"trigger"`
	Backup    string    `json:"backup"`
	Encoding  string    `json:"encoding"`
}

// foreign is a directory as years of other tools leave it.
func foreign(t *testing.T, m made) (dir string, want []foundFile) {
	t.Helper()
	dir = t.TempDir()
	add := func(l foundFile, content []byte) {
		t.Helper()
		path := filepath.Join(dir, l.Name)
		write(t, path, content)
		if err := os.Chtimes(path, l.CreatedAt, l.CreatedAt); err != nil {
			t.Fatal(err)
		}
		if l.Backup == "" {
			l.Backup = l.Name
		}
		l.State = "unverified"
		want = append(want, l)
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// Newest first, as they are listed.
	add(foundFile{Name: "any name.will:do", Maker: "etcdctl", Base: "any name.will:do", CreatedAt: at("2025-02-03T00:00:03Z"),
		Trigger: "manual", Encoding: "none"}, m.payload)
	add(foundFile{Name: "snapshot.db", Maker: "etcdctl", Base: "snapshot", CreatedAt: at("2025-02-03T00:00:02Z"), Trigger: "manual",
		Encoding: "none"}, m.payload)
	add(foundFile{Name: "by-hand.db.zst", Maker: "etcdctl", Base: "by-hand", CreatedAt: at("2025-02-03T00:00:01Z"), Trigger: "manual",
		Encoding: "zstd"}, zstdOf(t, m.payload))
	add(foundFile{Name: "mybackup.zip", Maker: "rke", Base: "mybackup", CreatedAt: at("2025-02-03T00:00:00Z"), Trigger: "manual",
		Encoding: "rke-zip"}, rkeZip(t, "mybackup", m.payload))
	for _, r := range []struct{ name, at, trigger string }{
		{"c-9dmxz-ml-kr56m_2024-05-04T19-39-16Z", "2024-05-04T19:39:16Z", "manual"},
		{"rke_etcd_snapshot_2024-05-04T18:40:16Z", "2024-05-04T18:40:16Z", "manual"},
		{"c-9dmxz-rl-8b2cx_2024-05-04T18:39:16Z", "2024-05-04T18:39:16Z", "recurring"},
		{"2024-05-04T18:38:16Z_etcd", "2024-05-04T18:38:16Z", "recurring"},
	} {
		add(foundFile{Name: r.name + ".zip", Maker: "rke", Base: r.name + ".zip", CreatedAt: at(r.at), Trigger: r.trigger,
			Encoding: "rke-zip"}, rkeZip(t, r.name, m.payload))
	}
	// One scheduled run on three nodes, and the next of one of them.
	add(foundFile{Name: "etcd-snapshot-node-1-1652289000", Maker: "k3s", Base: "etcd-snapshot", Node: "node-1",
		CreatedAt: time.Unix(1652289000, 0), Trigger: "recurring", Encoding: "none"}, m.payload)
	run := "etcd-snapshot-node-1-1652288934"
	add(foundFile{Name: "etcd-snapshot-c-1652288939", Maker: "k3s", Base: "etcd-snapshot", Node: "c",
		CreatedAt: time.Unix(1652288939, 0), Trigger: "recurring", Backup: run, Encoding: "none"}, m.payload)
	add(foundFile{Name: "etcd-snapshot-b.example.com-1652288936.zip", Maker: "k3s", Base: "etcd-snapshot", Node: "b.example.com",
		CreatedAt: time.Unix(1652288936, 0), Trigger: "recurring", Backup: run, Encoding: "zip"},
		k3sZip(t, "etcd-snapshot-b.example.com-1652288936", m.payload))
	add(foundFile{Name: run, Maker: "k3s", Base: "etcd-snapshot", Node: "node-1",
		CreatedAt: time.Unix(1652288934, 0), Trigger: "recurring", Backup: run, Encoding: "none"}, m.payload)
	add(foundFile{Name: "on-demand-my-super-rancher-k8s-node1-1652288930.zip", Maker: "k3s", Base: "on-demand", Node: "my-super-rancher-k8s-node1",
		CreatedAt: time.Unix(1652288930, 0), Trigger: "manual", Encoding: "zip"},
		k3sZip(t, "on-demand-my-super-rancher-k8s-node1-1652288930", m.payload))
	write(t, filepath.Join(dir, ".metadata", "on-demand-my-super-rancher-k8s-node1-1652288930.zip"), []byte(`{"provisioning-cluster-spec":"H4sI"}`))
	return dir, want
}

// clutter is what must not be taken for a snapshot.
func clutter(t *testing.T, dir string, m made) {
	t.Helper()
	text := bytes.Repeat([]byte("not a database\n"), 1000)
	for name, data := range map[string][]byte{
		"readme.txt":                      text,
		"foo.zip":                         zipped(t, time.Now(), zipEntry{"foo.txt", text}),
		"etcd-snapshot-x-1652288934.zip":  zipped(t, time.Now(), zipEntry{"etcd-snapshot-x-1652288934", text}),
		"pictures.zip":                    zipped(t, time.Now(), zipEntry{"thumbs.db", text}),
		"notes.zst":                       zstdOf(t, text),
		"notes.db.zst":                    zstdOf(t, text),
		"empty":                           nil,
		"empty.db":                        nil,
		"empty.zip":                       zipped(t, time.Now()),
		"etcd-snapshot-n-1652288934.part": m.payload,
		".hidden.db":                      m.payload,
		"copied-from-member.db":           m.database,
		"subfolder/snapshot.db":           m.payload,
	} {
		write(t, filepath.Join(dir, name), data)
	}
	if err := os.Mkdir(filepath.Join(dir, "etcd-snapshot-dir-1652288934"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("snapshot.db", filepath.Join(dir, "link.db")); err != nil {
		t.Fatal(err)
	}
}

func TestForeignSnapshotsAreListedForWhatTheyAre(t *testing.T) {
	m := etcdctlSave(t, "3.6")
	dir, want := foreign(t, m)
	clutter(t, dir, m)
	u, repo := newUser(t), "--repo=file://"+dir
	got := ask[listing](u, "repo", "ls", repo).Snapshots
	opt := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, got, opt); diff != "" {
		t.Fatalf("want, got:\n%s", diff)
	}
	before := paths(t, dir)
	u.must("repo", "verify", repo, "--all", "--level=content", "--record=false")
	if diff := cmp.Diff(before, paths(t, dir)); diff != "" {
		t.Errorf("reading other people's snapshots changed the directory:\n%s", diff)
	}
	for _, l := range want {
		t.Run(l.Name, func(t *testing.T) {
			u := newUser(t)
			checkRestores(t, u, m, filepath.Join(dir, l.Name))
			checkRestores(t, u, m, repo, l.Name)
		})
	}
}

// names lists a directory with all below it.
func paths(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkRestores restores what the arguments name and compares it with what was saved.
func checkRestores(t *testing.T, u *user, m made, args ...string) restored {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "etcd")
	r := ask[restored](u, append([]string{"etcd", "restore", "--data-dir=" + dir, "--min-free=0"}, args...)...)
	hash := server.Hash{Hash: *r.Snapshot.HashKV, Revision: r.Snapshot.Revision, CompactRevision: m.hash.CompactRevision}
	if hash != m.hash || r.DataDir != dir {
		t.Errorf("restored %+v, want %+v", r, m.hash)
	}
	return r
}

func TestWhatEtcdctlSavesRunsAfterARestore(t *testing.T) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			m := etcdctlSave(t, version)
			path := filepath.Join(t.TempDir(), "whatever")
			write(t, path, m.payload)
			boots(t, newUser(t), m, path)
		})
	}
}

// boots restores a file and starts the etcd that it came from over the result.
func boots(t *testing.T, u *user, m made, path string, flags ...string) {
	t.Helper()
	e := servertest.NewEtcd(t, server.EtcdConfig{Version: m.version})
	serve(t, e, restoreAll(t, u, e, "", path, flags...), m.version)
	if hash, err := e.HashKV(t.Context(), m.hash.Revision); err != nil || hash != m.hash {
		t.Errorf("%+v, %v, want %+v", hash, err, m.hash)
	}
	checkLives(t, e)
}

func TestACopyOfAMembersFileIsAcceptedOnlyOnRequest(t *testing.T) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			m := etcdctlSave(t, version)
			parent := t.TempDir()
			path := filepath.Join(t.TempDir(), "db")
			write(t, path, m.database)
			u := newUser(t)
			u.refused(3, []string{"has no SHA-256 at its end", "next: if you trust this copy, pass --skip-hash-check"},
				"etcd", "restore", path, "--data-dir="+filepath.Join(parent, "etcd"), "--min-free=0")
			checkEmpty(t, parent)
			boots(t, u, m, path, "--skip-hash-check")
		})
	}
}

// A page that bbolt would panic on, in a file that nothing vouches for.
func TestADamagedCopyOfAMembersFileIsRefusedEvenOnRequest(t *testing.T) {
	m := etcdctlSave(t, "3.6")
	for name, spoil := range map[string]func([]byte) []byte{
		"types of pages": func(b []byte) []byte { return spoilPages(t, b, leafPage) },
		"cut short":      func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			path := filepath.Join(t.TempDir(), "db")
			write(t, path, spoil(bytes.Clone(m.database)))
			newUser(t).refused(4, []string{"damaged", "next: nothing was written"},
				"etcd", "restore", path, "--skip-hash-check", "--data-dir="+filepath.Join(parent, "etcd"), "--min-free=0")
			checkEmpty(t, parent)
		})
	}
}

const leafPage = 0x02

// spoilPages changes the type of all pages of one kind, in use or not: of a single one nobody can tell whether it is read.
func spoilPages(t *testing.T, db []byte, kind byte) []byte {
	t.Helper()
	spoiled := 0
	for at := 2 * 4096; at+10 < len(db); at += 4096 {
		if db[at+8] == kind && db[at+9] == 0 {
			db[at+8] ^= 0xff
			spoiled++
		}
	}
	if spoiled == 0 {
		t.Fatal("there is no such page")
	}
	return db
}
