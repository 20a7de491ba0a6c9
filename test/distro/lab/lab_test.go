package lab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// cluster is a cluster in a lab of its own.
type cluster struct {
	*lab.Cluster
	t     *testing.T
	nodes []*machines.Node
	host  string // where machines reach what the test runs
}

func installed(t *testing.T, cfg lab.Config, servers int) *cluster {
	t.Helper()
	tools(t)
	config, err := lab.MachineConfig()
	do(t, err)
	l := labtest.New(t, config, servers)
	cfg.Servers = l.Nodes
	c, err := lab.Install(t.Context(), cfg)
	do(t, err)
	return &cluster{Cluster: c, t: t, nodes: l.Nodes, host: l.HostAddress}
}

// tools must be there: those of the newest minor, and of the one before.
func tools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"etcd-3.7", "etcdutl-3.7", "kube-apiserver-1.37", "etcd-3.6", "etcdutl-3.6", "kube-apiserver-1.36", "kubectl"} {
		servertest.Tool(t, tool)
	}
}

// run runs a command on a machine that must end well, and returns both its streams.
func (c *cluster) run(n *machines.Node, argv ...string) (stdout, stderr string) {
	c.t.Helper()
	stdout, stderr, code := c.try(n, argv...)
	if code != 0 {
		c.t.Fatalf("%s: %s: exit code %d: %s", n.Name, strings.Join(argv, " "), code, stderr)
	}
	return stdout, stderr
}

// try runs a command on a machine, however it ends.
func (c *cluster) try(n *machines.Node, argv ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	r, err := n.Exec(c.t.Context(), argv...)
	do(c.t, err)
	return r.Stdout, r.Stderr, r.Code
}

// kubectl asks one server.
func (c *cluster) kubectl(n *machines.Node, args ...string) string {
	c.t.Helper()
	out, err := c.Kubectl(c.t.Context(), n, args...)
	do(c.t, err)
	return strings.TrimSpace(out)
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func k3s(p profile.Profile) lab.Config { return lab.Config{Flavor: distro.K3s(), Profile: p} }

// must fails unless a text holds another.
func must(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("missing %q in:\n%s", part, text)
	}
}
