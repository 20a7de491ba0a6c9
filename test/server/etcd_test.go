package server_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestEachVersionServesWhatTheStockToolsRestored(t *testing.T) {
	for _, version := range []string{"3.5", "3.6", "3.7"} {
		t.Run(version, func(t *testing.T) {
			source := servertest.Etcd(t, server.EtcdConfig{Version: version, Members: 3, TLS: true, Auth: true})
			fill(t, source)
			want := hash(t, source)
			file := filepath.Join(t.TempDir(), "snapshot.db")
			// One endpoint: etcdctl refuses to save from several.
			env := append(source.CtlEnv(), "ETCDCTL_ENDPOINTS="+source.Members[0].ClientURL)
			run(t, env, "etcdctl-"+version, "snapshot", "save", file)

			target := servertest.NewEtcd(t, server.EtcdConfig{
				Version: version, Members: 3, TLS: true, Auth: true, RootPassword: source.RootPassword, Token: "restored",
			})
			if err := target.ServeRestored(t.Context(), server.Restored{DataDirs: restore(t, target, version, file)}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, hash(t, target, want.Revision)); diff != "" {
				t.Errorf("hash (-source +restored):\n%s", diff)
			}
			if _, err := servertest.EtcdClient(t, target).Put(t.Context(), "/registry/x", "written after the restore"); err != nil {
				t.Error(err)
			}
		})
	}
}

// restore makes a data directory for each member with the stock tool.
func restore(t *testing.T, e *server.Etcd, version, file string) map[string]string {
	t.Helper()
	dirs := make(map[string]string)
	for _, m := range e.Members {
		dirs[m.Name] = filepath.Join(e.Dir(), m.Name+".restored")
		run(t, nil, "etcdutl-"+version, "snapshot", "restore", file, "--name="+m.Name, "--data-dir="+dirs[m.Name],
			"--initial-cluster="+e.InitialCluster(), "--initial-cluster-token="+e.Token(),
			"--initial-advertise-peer-urls="+m.PeerURL)
	}
	return dirs
}

func TestAClusterSurvivesKillAndRestart(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Members: 3, TLS: true})
	fill(t, e)
	before := hash(t, e)
	leader, err := e.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := servertest.EtcdClient(t, e).Put(t.Context(), "/registry/x", "written by two of three"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.KillMembers(); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, hash(t, e, before.Revision)); diff != "" {
		t.Errorf("hash (-before +after):\n%s", diff)
	}
}

func TestOneMemberOfThreeServesAloneAfterForceNewCluster(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Members: 3})
	fill(t, e)
	want := hash(t, e)
	survivor := e.Members[1]
	dirs := map[string]string{survivor.Name: survivor.DataDir}
	if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: dirs, ForceNewCluster: true}); err != nil {
		t.Fatal(err)
	}
	cli, err := survivor.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	r, err := cli.HashKV(t.Context(), survivor.ClientURL, want.Revision)
	if err != nil {
		t.Fatal(err)
	}
	if r.Hash != want.Hash {
		t.Errorf("hash was %d, is %d", want.Hash, r.Hash)
	}
	if l, err := cli.MemberList(t.Context()); err != nil || len(l.Members) != 1 {
		t.Errorf("members: %v, %v", l, err)
	}
}

func TestALearnerJoinsAndSaysSo(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{TLS: true})
	m, err := e.AddLearner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cli, err := m.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	st, err := cli.Status(t.Context(), m.ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	if !st.IsLearner {
		t.Errorf("%s is no learner", m.Name)
	}
	leader, err := e.Leader(t.Context())
	if err != nil || leader.Name != "m1" {
		t.Errorf("leader: %v, %v", leader, err)
	}
}

func TestANewVersionOpensTheOldOnesData(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Version: "3.5"})
	fill(t, e)
	want := hash(t, e)
	servertest.Tool(t, "etcd-3.6")
	e.Members[0].Version = "3.6"
	if err := e.Members[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, hash(t, e, want.Revision)); diff != "" {
		t.Errorf("hash (-3.5 +3.6):\n%s", diff)
	}
}

func TestAServerThatRefusesItsDataIsNoticedAtOnce(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{})
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]func(context.Context, ...string) error{
		"member": e.Members[0].Start, "cluster": e.Start,
	} {
		err := start(t.Context(), "--no-such-flag")
		if err == nil || !strings.Contains(err.Error(), "flag provided but not defined") {
			t.Errorf("%s: the error does not show the log: %v", name, err)
		}
		if e.Members[0].Running() {
			t.Errorf("%s: it runs, and Start said: %v", name, err)
		}
	}
}

func fill(t *testing.T, e *server.Etcd) {
	t.Helper()
	cli := servertest.EtcdClient(t, e)
	d, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 1, Objects: 500, Leases: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Age(t.Context(), cli, kubedata.Aging{Updates: 50, Deletes: 10, Compact: true}); err != nil {
		t.Fatal(err)
	}
}

func hash(t *testing.T, e *server.Etcd, revision ...int64) server.Hash {
	t.Helper()
	h, err := e.HashKV(t.Context(), append(revision, 0)[0])
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func run(t *testing.T, env []string, tool string, args ...string) string {
	t.Helper()
	servertest.Tool(t, tool)
	out, err := server.Run(t.Context(), t.TempDir(), env, tool, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
