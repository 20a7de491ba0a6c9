package etcd_test

import (
	"context"
	"os"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestThreeMembersOutliveTheLossOfOneAndAPowerCutOfAll(t *testing.T) {
	l, c := install(t, 3, etcd.Config{})
	one, two := l.Nodes[0], l.Nodes[1]
	do(t, c.Write(t.Context(), two, "/a", "kept"))

	do(t, one.PowerCut(t.Context()))
	do(t, lab.Until(t.Context(), "two to do without one", func(ctx context.Context) error { return c.Healthy(ctx, two) }))
	if err := c.Serving(t.Context(), one); err == nil {
		t.Error("a member without power answers")
	}
	do(t, one.Start(t.Context()))
	do(t, c.Ready(t.Context()))

	for _, n := range l.Nodes {
		do(t, n.PowerCut(t.Context()))
	}
	for _, n := range l.Nodes {
		do(t, n.Start(t.Context()))
	}
	do(t, c.Ready(t.Context()))
	if got := read(t, c, "/a"); got != "kept" {
		t.Errorf("read %q", got)
	}
}

func TestAMemberThatIsCutOffServesButHasNoQuorum(t *testing.T) {
	l, c := install(t, 3, etcd.Config{Style: etcd.Environment})
	one := l.Nodes[0]
	do(t, l.Partition(t.Context(), []string{"node1"}, []string{"node2", "node3"}))
	if err := c.Healthy(t.Context(), one); err == nil {
		t.Error("it has a quorum")
	}
	do(t, c.Serving(t.Context(), one))
	do(t, lab.Until(t.Context(), "the others to elect a leader", func(ctx context.Context) error { return c.Write(ctx, l.Nodes[1], "/a", "b") }))
	do(t, l.Unpartition(t.Context()))
	do(t, c.Ready(t.Context()))
}

func TestAMachineTakesTheOldOnesPlace(t *testing.T) {
	l, c := install(t, 3, etcd.Config{})
	do(t, l.Nodes[2].PowerCut(t.Context()))
	fresh, err := l.Add(t.Context(), 1)
	do(t, err)
	do(t, c.Replace(t.Context(), l.Nodes[2], fresh[0]))
	do(t, c.Healthy(t.Context(), fresh[0]))
}

func TestEachStyleOfUnitMakesAMember(t *testing.T) {
	for version, style := range map[string]etcd.Style{"3.5": etcd.Flags, "3.6": etcd.Environment, "3.7": etcd.File} {
		t.Run(version+" "+string(style), func(t *testing.T) {
			l, c := install(t, 1, etcd.Config{Version: version, Style: style})
			cli, err := c.Client()
			do(t, err)
			defer cli.Close()
			status, err := cli.Status(t.Context(), c.Endpoints()[0])
			do(t, err)
			if status.Version[:3] != version {
				t.Errorf("version %s", status.Version)
			}
			owner, err := l.Nodes[0].Run(t.Context(), "stat", "-c", "%U %a", etcd.DataDir+"/member", etcd.PKIDir+"/server.key")
			do(t, err)
			if want := "etcd 700\netcd 600\n"; owner != want {
				t.Errorf("owners and modes %q, want %q", owner, want)
			}
		})
	}
}

func install(t *testing.T, members int, cfg etcd.Config) (*lab.Lab, *etcd.Cluster) {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "3.6"
	}
	servertest.Tool(t, "etcd-"+cfg.Version)
	l := labtest.New(t, lab.Config{}, members)
	cfg.Nodes, cfg.Dir = l.Nodes, t.TempDir()
	c, err := etcd.Install(t.Context(), cfg)
	do(t, err)
	return l, c
}

func read(t *testing.T, c *etcd.Cluster, key string) string {
	t.Helper()
	cli, err := c.Client()
	do(t, err)
	defer cli.Close()
	r, err := cli.Get(t.Context(), key)
	do(t, err)
	if len(r.Kvs) != 1 {
		t.Fatalf("%d keys are called %s", len(r.Kvs), key)
	}
	return string(r.Kvs[0].Value)
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
