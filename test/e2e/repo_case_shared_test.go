package e2e

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// savedFor takes a snapshot of a small etcd for each cluster id, and returns their names and the etcd's bytes.
func savedFor(t *testing.T, u *user, dir string, clusters ...string) (files []string, payload []byte) {
	t.Helper()
	for _, id := range clusters {
		o := u.must("etcd", "save", "--repo", "file://"+dir, "--cluster-id", id, "--take-over", "--trigger", "recurring",
			"--verify", "checksum", "--min-free", "0", "--quiet", "-o", "name")
		files = append(files, strings.TrimSpace(o.stdout))
	}
	payload, err := os.ReadFile(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	return files, payload
}

func present(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	return there
}

// rancherZip writes a snapshot as Rancher leaves it.
func rancherZip(t *testing.T, dir, name string, payload []byte) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, name+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	entry, err := archive.Create("/backup/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}

// A folder that nobody owns any more, or that two clusters of RKE share, holds the backups of several clusters. That
// one goes on saving is no reason to delete the other's.
func TestAPruneLeavesEveryClusterItsLastBackup(t *testing.T) {
	u := newUser(t, smallEtcd(t).CtlEnv()...)
	dir := filepath.Join(u.home, "shared")
	files, payload := savedFor(t, u, dir, "stopped", "stopped", "running", "running")
	if err := os.Remove(filepath.Join(dir, ".metadata", "holdfast-owner.json")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"c-aaaaa-rl-bbbbb_2026-01-01T02:00:00Z", "c-aaaaa-rl-ccccc_2026-01-02T02:00:00Z",
		"c-bbbbb-rl-bbbbb_2026-02-01T02:00:00Z", "c-bbbbb-rl-ccccc_2026-02-02T02-00-00Z",
		"2026-03-01T02:00:00Z_etcd", "2026-03-02T02:00:00Z_etcd",
	} {
		rancherZip(t, dir, name, payload)
	}
	prune := []string{"repo", "prune", "--repo", "file://" + dir, "--keep", "1", "--foreign", "-o", "name"}
	planned := u.must(append(prune, "--dry-run")...)
	done := u.must(prune...)
	if planned.stdout != done.stdout {
		t.Errorf("planned:\n%s\ndone:\n%s", planned.stdout, done.stdout)
	}
	there := present(t, dir)
	for name, want := range map[string]bool{
		files[0]: false, files[1]: true, files[2]: false, files[3]: true,
		"c-aaaaa-rl-bbbbb_2026-01-01T02:00:00Z.zip": false, "c-aaaaa-rl-ccccc_2026-01-02T02:00:00Z.zip": true,
		"c-bbbbb-rl-bbbbb_2026-02-01T02:00:00Z.zip": false, "c-bbbbb-rl-ccccc_2026-02-02T02-00-00Z.zip": true,
		"2026-03-01T02:00:00Z_etcd.zip": true, "2026-03-02T02:00:00Z_etcd.zip": true,
	} {
		if there[name] != want {
			t.Errorf("%s is there: %v", name, there[name])
		}
	}
}

func TestWhatIsDeletedIsNamedInFull(t *testing.T) {
	u := newUser(t, smallEtcd(t).CtlEnv()...)
	dir := filepath.Join(u.home, "repo")
	_, payload := savedFor(t, u, dir, "c-1")
	for _, name := range []string{"snap10.db", "snap2.db", "snap3"} {
		if err := os.WriteFile(filepath.Join(dir, name), payload, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	del := func(names ...string) []string {
		return append([]string{"repo", "delete", "--repo", "file://" + dir, "--cluster-id", "c-1", "-o", "name"}, names...)
	}
	u.refused(5, []string{"there is none of that name"}, del("snap2", "snap1")...)
	if there := present(t, dir); !there["snap10.db"] || !there["snap2.db"] {
		t.Fatalf("left are %v", there)
	}
	if o := u.must(del("snap2", "snap2.db", "snap3")...); o.stdout != "snap2.db\nsnap3\n" {
		t.Error(o)
	}
}

// Reading is always allowed, and a URL means what is written.
func TestADamagedMarkerForbidsToWriteAndNothingElse(t *testing.T) {
	u := newUser(t, smallEtcd(t).CtlEnv()...)
	dir := filepath.Join(u.home, "repo")
	files, _ := savedFor(t, u, dir, "c-1")
	marker := filepath.Join(dir, ".metadata", "holdfast-owner.json")
	for _, content := range []string{"", "{", `{"schema":"holdfast.dev/owner/v2","clusterID":"c-1"}`} {
		if err := os.WriteFile(marker, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		repo := []string{"--repo", "file://" + dir}
		if o := u.must(append([]string{"repo", "ls", "-o", "name"}, repo...)...); o.stdout != files[0]+"\n" {
			t.Error(o)
		}
		list := ask[struct{ OwnerProblem string }](u, append([]string{"repo", "ls"}, repo...)...)
		if !strings.Contains(list.OwnerProblem, "holdfast-owner.json") {
			t.Errorf("with %q the problem is %q", content, list.OwnerProblem)
		}
		u.must(append([]string{"repo", "verify", "--all"}, repo...)...)
		for _, args := range [][]string{
			{"etcd", "save", "--min-free", "0", "--cluster-id", "c-1"}, {"repo", "delete", files[0], "--cluster-id", "c-1"},
			{"repo", "prune", "--keep", "1", "--cluster-id", "c-1"},
		} {
			u.refused(3, []string{"holdfast-owner.json", "next:"}, append(args, repo...)...)
		}
	}
	u.refused(2, []string{"%23"}, "repo", "ls", "--repo", "file://"+dir+"#2")
}
