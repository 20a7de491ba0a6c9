package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// saved is what holdfast etcd save -o json prints.
type saved struct {
	Repository string `json:"repository"`
	snapshot.Manifest
}

// restored is what holdfast etcd restore -o json prints.
type restored struct {
	From string `json:"from"`
	snapshot.Restored
}

// trip is one way through the matrix of round trips.
type trip struct {
	version   string
	members   int
	tls, auth bool
	compress  string
	// check starts the restored members as kubeadm does: each compares its hash with the others' before it serves, and
	// would not start if they had not been restored alike. It waits for the others, which takes half a minute.
	check bool
}

func (c trip) String() string {
	name := fmt.Sprintf("%s/%d", c.version, c.members)
	if c.tls {
		name += "/tls"
	}
	if c.auth {
		name += "/auth"
	}
	return name + "/" + c.compress
}

// trips are all combinations in a soak, else each value of each column with 3.6 and the hardest of the others.
func trips() []trip {
	if !soak() {
		return []trip{
			{version: "3.6", members: 1, compress: "zip"},
			{version: "3.6", members: 1, tls: true, auth: true, compress: "none"},
			{version: "3.6", members: 3, compress: "zstd", check: true},
			{version: "3.6", members: 3, tls: true, auth: true, compress: "none"},
			{version: "3.5", members: 3, tls: true, auth: true, compress: "zstd"},
			{version: "3.7", members: 3, tls: true, auth: true, compress: "zip"},
		}
	}
	var all []trip
	for _, version := range etcdVersions() {
		for _, members := range []int{1, 3} {
			for _, tls := range []bool{false, true} {
				for _, auth := range []bool{false, true} {
					for _, compress := range []string{"none", "zstd", "zip"} {
						all = append(all, trip{version, members, tls, auth, compress, members > 1 && compress == "none"})
					}
				}
			}
		}
	}
	return all
}

func TestARestoredClusterIsTheOneThatWasSaved(t *testing.T) {
	for _, c := range trips() {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			testRoundTrip(t, c)
		})
	}
}

func testRoundTrip(t *testing.T, c trip) {
	only(t, fmt.Sprintf("etcd %s, members: %d", c.version, c.members))
	e := servertest.Etcd(t, server.EtcdConfig{Version: c.version, Members: c.members, TLS: c.tls, Auth: c.auth, NoFsync: true})
	populate(t, e)
	before := look(t, e)

	flags, env := reach(e)
	u := newUser(t, env...)
	repo := "--repo=file://" + filepath.Join(t.TempDir(), "repo")
	m := ask[saved](u, append([]string{"etcd", "save", repo, "--compress=" + c.compress, "--verify=checksum", "--min-free=0"}, flags...)...)
	checkManifest(t, m.Manifest, before, e)
	u.must("repo", "verify", repo, "--level=restore", m.File)
	checkProven(t, u, repo, m.File)

	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	all := restoreAll(t, u, e, repo, m.File)
	if c.check {
		for _, member := range e.Members {
			member.ExtraArgs = []string{corruptCheck(c.version)}
		}
	}
	serve(t, e, all, "")
	if diff := cmp.Diff(before, look(t, e)); diff != "" {
		t.Errorf("the restored cluster is not the saved one (-saved +restored):\n%s", diff)
	}
	checkLives(t, e)
}

func corruptCheck(version string) string {
	if version == "3.7" {
		return "--feature-gates=InitialCorruptCheck=true"
	}
	return "--experimental-initial-corrupt-check=true"
}

// restoreAll restores a snapshot for each member, as the cluster expects it, with further flags for all of them.
func restoreAll(t *testing.T, u *user, e *server.Etcd, repo, file string, flags ...string) map[string]restored {
	t.Helper()
	all := map[string]restored{}
	for _, m := range e.Members {
		args := append([]string{"etcd", "restore", file, "--data-dir=" + filepath.Join(t.TempDir(), m.Name)}, memberFlags(e, m)...)
		if repo != "" {
			args = append(args, repo)
		}
		all[m.Name] = ask[restored](u, append(args, flags...)...)
	}
	return all
}

// memberFlags are the restore flags that make a member of this cluster.
func memberFlags(e *server.Etcd, m *server.Member) []string {
	return []string{
		"--name=" + m.Name, "--initial-cluster=" + e.InitialCluster(), "--initial-cluster-token=" + e.Token(),
		"--initial-advertise-peer-urls=" + m.PeerURL, "--min-free=0",
	}
}

// serve starts the cluster over what was restored and checks that it is the cluster that the restore announced.
func serve(t *testing.T, e *server.Etcd, all map[string]restored, version string) {
	t.Helper()
	dirs := map[string]string{}
	for name, r := range all {
		dirs[name] = r.DataDir
	}
	if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: dirs, Version: version}); err != nil {
		t.Fatal(err)
	}
	cli := servertest.EtcdClient(t, e)
	list, err := cli.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Members) != len(all) {
		t.Errorf("%d members, %d were restored", len(list.Members), len(all))
	}
	for _, m := range list.Members {
		r := all[m.Name]
		if got := fmt.Sprintf("%x in %x", m.ID, list.Header.ClusterId); got != r.MemberID+" in "+r.ClusterID {
			t.Errorf("member %s is %s, the restore announced %s in %s", m.Name, got, r.MemberID, r.ClusterID)
		}
	}
}

func checkManifest(t *testing.T, m snapshot.Manifest, before picture, e *server.Etcd) {
	t.Helper()
	d := m.Database
	got := []any{d.Revision, d.CompactRevision, d.Leases}
	want := []any{before.Hash.Revision, before.Hash.CompactRevision, len(before.Leases)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revision, compact revision and leases in the manifest (-live +manifest):\n%s", diff)
	}
	if len(m.Source.Members) != len(e.Members) || m.Proved() != snapshot.LevelChecksum {
		t.Errorf("got %+v", m)
	}
	if len(e.Members) > 1 && m.Source.Leader {
		t.Errorf("it was taken from the leader, although there are followers")
	}
}

// checkProven looks at what the trial restore has left in the manifest.
func checkProven(t *testing.T, u *user, repo, file string) {
	t.Helper()
	shown := ask[struct {
		State    string            `json:"state"`
		Manifest snapshot.Manifest `json:"manifest"`
	}](u, "repo", "show", repo, file)
	if shown.State != "restored" || shown.Manifest.Proved() != snapshot.LevelRestore {
		t.Errorf("after a trial restore it is %s, with %+v", shown.State, shown.Manifest.Evidence)
	}
}
