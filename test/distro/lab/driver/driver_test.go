package driver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// program is where machines see the driver, and state is what stands for the agent's directory.
const (
	program = "/opt/distro/drive/drive"
	state   = "/var/lib/holdfast"
)

// Exit codes of the driver: the kinds of its errors.
const (
	failed  = 1
	refused = 3
	damaged = 4
	denied  = 7
)

// scene is a cluster with a driver on each machine.
type scene struct {
	*lab.Cluster
	t      *testing.T
	flavor distro.Flavor
	nodes  []*machines.Node
	// before stands in front of each call of the driver.
	before []string
}

func newScene(t *testing.T, cfg lab.Config, servers, agents int) *scene {
	t.Helper()
	for _, tool := range []string{"etcd-3.7", "etcdutl-3.7", "kube-apiserver-1.37", "kubectl"} {
		servertest.Tool(t, tool)
	}
	build(t)
	config, err := lab.MachineConfig()
	do(t, err)
	l := labtest.New(t, config, servers+agents)
	cfg.Servers, cfg.Agents = l.Nodes[:servers], l.Nodes[servers:]
	c, err := lab.Install(t.Context(), cfg)
	do(t, err)
	return &scene{Cluster: c, t: t, flavor: cfg.Flavor, nodes: l.Nodes}
}

// build links the driver where machines see it.
func build(t *testing.T) {
	t.Helper()
	root, err := server.Root()
	do(t, err)
	cache, err := install.Cache()
	do(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(cache, "drive", "drive"), "./distro/cmd/drive")
	cmd.Dir = filepath.Join(root, "test")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the driver: %v\n%s", err, out)
	}
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// argv is a call of the driver.
func (s *scene) argv(verb string, settings any) []string {
	s.t.Helper()
	args := append(slices.Clone(s.before), program, s.flavor.Name, state, verb)
	if settings != nil {
		data, err := json.Marshal(settings)
		do(s.t, err)
		args = append(args, string(data))
	}
	return args
}

// drive has the driver of a machine do something that must work, and returns what it answers.
func (s *scene) drive(n *machines.Node, verb string, settings any) string {
	s.t.Helper()
	out, err := n.Run(s.t.Context(), s.argv(verb, settings)...)
	do(s.t, err)
	return strings.TrimSpace(out)
}

// fails has the driver of a machine do something that must not work, and returns what it says.
func (s *scene) fails(n *machines.Node, code int, verb string, settings any) string {
	s.t.Helper()
	r, err := n.Exec(s.t.Context(), s.argv(verb, settings)...)
	do(s.t, err)
	if r.Code != code {
		s.t.Fatalf("%s: %s ended with %d, want %d: %s", n.Name, verb, r.Code, code, r.Stderr)
	}
	return r.Stderr
}

// run runs a command on a machine that must end well.
func (s *scene) run(n *machines.Node, argv ...string) string {
	s.t.Helper()
	out, err := n.Run(s.t.Context(), argv...)
	do(s.t, err)
	return strings.TrimSpace(out)
}

// shell runs a line on a machine, however it ends.
func (s *scene) shell(n *machines.Node, line string) string {
	s.t.Helper()
	r, err := n.Exec(s.t.Context(), "sh", "-c", line)
	do(s.t, err)
	return strings.TrimSpace(r.Stdout)
}

func (s *scene) kubectl(n *machines.Node, args ...string) string {
	s.t.Helper()
	out, err := s.Kubectl(s.t.Context(), n, args...)
	do(s.t, err)
	return out
}

var saved = regexp.MustCompile(`Snapshot (\S+) saved\.`)

// srv is a path below the servers' data.
func (s *scene) srv(path string) string { return filepath.Join(s.flavor.DataDir(), "server", path) }

// save takes a snapshot with the distribution's own command, and returns its path.
func (s *scene) save(n *machines.Node, flags ...string) string {
	s.t.Helper()
	r, err := n.Exec(s.t.Context(), append([]string{s.flavor.Name, "etcd-snapshot", "save"}, flags...)...)
	do(s.t, err)
	m := saved.FindStringSubmatch(r.Stderr)
	if m == nil {
		s.t.Fatalf("nothing was saved: %s", r.Stderr)
	}
	return s.srv("db/snapshots/" + m[1])
}

// left are the distribution's processes on a machine, and who listens on its ports.
func (s *scene) left(n *machines.Node) string {
	return s.shell(n, "pgrep -af '^/usr/local/bin/"+s.flavor.Name+" (server|agent)|^/opt/tools/(etcd|kube-apiserver)|[c]ontainerd-shim'; "+
		"ss -Hltn '( sport = :2379 or sport = :2380 or sport = :2381 or sport = :6443 or sport = :9345 )'")
}

// wantStopped wants nothing of the distribution to live on a machine.
func (s *scene) wantStopped(n *machines.Node) {
	s.t.Helper()
	if left := s.left(n); left != "" {
		s.t.Errorf("%s: left: %s", n.Name, left)
	}
	if got := s.drive(n, "running", nil); got != "false" {
		s.t.Errorf("%s: running: %s", n.Name, got)
	}
}

// belonging is one of the driver's.
type belonging struct {
	Path string
	Copy bool
}

func (s *scene) belongings(n *machines.Node) []belonging {
	s.t.Helper()
	var all []belonging
	do(s.t, json.Unmarshal([]byte(s.drive(n, "belongings", nil)), &all))
	return all
}

// aside does what a restore's steps do with the driver's belongings.
func (s *scene) aside(n *machines.Node, mark string) {
	s.t.Helper()
	var script strings.Builder
	for _, b := range s.belongings(n) {
		how := "mv"
		if b.Copy {
			how = "cp -a"
		}
		fmt.Fprintf(&script, "if [ -e %[1]s ]; then %[2]s %[1]s %[1]s.%[3]s || exit 1; fi\n", b.Path, how, mark)
	}
	s.run(n, "sh", "-c", script.String())
}

// back is the way back of aside.
func (s *scene) back(n *machines.Node, mark string) {
	s.t.Helper()
	var script strings.Builder
	for _, b := range s.belongings(n) {
		fmt.Fprintf(&script, "rm -rf %[1]s; if [ -e %[1]s.%[2]s ]; then mv %[1]s.%[2]s %[1]s || exit 1; fi\n", b.Path, mark)
	}
	s.run(n, "sh", "-c", script.String()+"systemctl daemon-reload")
}

// voters waits until there are so many members and none is a learner.
func (s *scene) voters(n *machines.Node, count int) {
	s.t.Helper()
	do(s.t, machines.Until(s.t.Context(), "the members of etcd", func(ctx context.Context) error {
		members, err := s.Members(ctx, n)
		if err == nil && (len(members) != count || strings.Contains(fmt.Sprint(members), "learner")) {
			err = fmt.Errorf("members are %v", members)
		}
		return err
	}))
}

// starts has a machine's driver start it, and waits until it is ready.
func (s *scene) starts(n *machines.Node) {
	s.t.Helper()
	s.drive(n, "unfence", nil)
	s.drive(n, "start", nil)
	do(s.t, s.Ready(s.t.Context(), n))
}

func (s *scene) must(text, part string) {
	s.t.Helper()
	if !strings.Contains(text, part) {
		s.t.Errorf("missing %q in:\n%s", part, text)
	}
}
