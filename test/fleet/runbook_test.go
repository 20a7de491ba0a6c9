package fleet_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/runbook"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// typingTimeout bounds what is typed at once: a restore of three servers that are busy with other tests.
const typingTimeout = 3 * operationTimeout

// situation is what a runbook is for.
type situation struct {
	page, what string
	// follow brings a cluster into the situation, and out of it as the page says.
	follow func(*testing.T, distro.Flavor)
}

// situations of K3s and RKE2, the one that costs least first.
func situations() []situation {
	return []situation{
		{"k3s-token.md", "wrong token", wrongToken},
		{"k3s-bad-upgrade.md", "bad upgrade", badUpgrade},
		{"k3s-all-lost.md", "all servers lost", allLost},
		{"k3s-node-lost.md", "one server lost", serverLost},
		{"k3s-quorum-lost.md", "quorum lost", quorumLost},
	}
}

// HOLDFAST_SOAK=1 follows all of them, with both distributions.
func TestWhatARunbookSaysBringsTheClusterBack(t *testing.T) {
	t.Parallel()
	list := situations()
	if !soaking() {
		list = list[:1]
	}
	for _, f := range flavours(distro.RKE2()) {
		t.Run(f.Name, func(t *testing.T) {
			for _, s := range list {
				t.Run(s.what, func(t *testing.T) { s.follow(t, f) })
			}
		})
	}
}

func TestEveryRunbookOfADistributionIsFollowed(t *testing.T) {
	t.Parallel()
	root, err := server.Root()
	do(t, err)
	var have, want []string
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "k3s-*.md"))
	do(t, err)
	for _, page := range pages {
		have = append(have, filepath.Base(page))
	}
	for _, s := range situations() {
		want = append(want, s.page)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("pages that are followed (-), and those that there are (+): %s", diff)
	}
}

// reader follows a runbook: what stands there is typed, and what it asks is answered with the cluster's name.
type reader struct {
	*adoption
	page *runbook.Page
	// printed is all that was printed.
	printed string
}

// caredFor is a cluster of servers that do everything, under a manager, without a bucket.
func caredFor(t *testing.T, f distro.Flavor, servers int) *adoption {
	t.Helper()
	needPrograms(t)
	for _, tool := range []string{"etcd-3.7", "etcdutl-3.7", "kube-apiserver-1.37", "kubectl"} {
		servertest.Tool(t, tool)
	}
	config, err := standin.MachineConfig()
	do(t, err)
	l := labtest.New(t, config, servers)
	c, err := standin.Install(t.Context(), standin.Config{Flavor: f, Servers: l.Nodes})
	do(t, err)
	a := &adoption{world: &world{Fleet: newFleet(t, l)}, distro: c, flavour: f}
	a.imports(t, nil)
	do(t, a.Ready(t.Context(), name, servers))
	return a
}

// opens a page of docs/runbooks, with the names of the lab in it.
func (a *adoption) opens(t *testing.T, page string, names map[string]string) *reader {
	t.Helper()
	root, err := server.Root()
	do(t, err)
	names["CLUSTER"] = name
	p, err := runbook.Read(filepath.Join(root, "docs", "runbooks", page), names)
	do(t, err)
	return &reader{adoption: a, page: p}
}

// Type implements runbook.Hands.
func (r *reader) Type(ctx context.Context, machine, script string) (printed string, code int, err error) {
	defer func() { r.printed += printed }()
	if machine == "" {
		ctx, cancel := context.WithTimeout(ctx, typingTimeout)
		defer cancel()
		return r.Shell(ctx, script, name)
	}
	i := slices.IndexFunc(r.Lab.Nodes, func(n *lab.Node) bool { return n.Name == machine })
	if i < 0 {
		return "", 0, fmt.Errorf("there is no machine %q", machine)
	}
	const file = "/run/typed" // systemd would expand a ${variable} of bash on a command line
	if err := r.Lab.Nodes[i].WriteFile(file, []byte(script), 0o600); err != nil {
		return "", 0, err
	}
	got, err := r.Lab.Nodes[i].Exec(ctx, "bash", file)
	return got.Stdout + got.Stderr, got.Code, err
}

// follows types what some sections say.
func (r *reader) follows(t *testing.T, sections ...string) {
	t.Helper()
	do(t, r.page.Follow(t.Context(), r, sections...))
}

// looks types a section again until what is seen is what the page says that one sees in the end.
func (r *reader) looks(t *testing.T, section string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), typingTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "what the page says of "+section, func(ctx context.Context) error { return r.page.Follow(ctx, r, section) }))
}

// runsPrinted runs the line that was printed last, on a machine.
func (r *reader) runsPrinted(t *testing.T, n *lab.Node) {
	t.Helper()
	i := strings.LastIndex(r.printed, "curl ")
	if i < 0 {
		t.Fatalf("no line to run in %s", r.printed)
	}
	line, _, _ := strings.Cut(r.printed[i:], "\n")
	_, err := n.Run(t.Context(), "sh", "-c", line)
	do(t, err)
}

// isDone fails when there are commands that were not typed.
func (r *reader) isDone(t *testing.T) {
	t.Helper()
	if left := r.page.Left(); len(left) > 0 {
		t.Errorf("nobody has followed %q", left)
	}
}

// kubectl is how an administrator calls it on a server.
func (a *adoption) kubectl() string {
	if a.flavour.StaticPods() {
		return a.flavour.DataDir() + "/bin/kubectl --kubeconfig " + a.flavour.Kubeconfig()
	}
	return a.flavour.Name + " kubectl"
}

// loses takes the power from machines, and waits until the manager knows.
func (a *adoption) loses(t *testing.T, gone []*lab.Node) {
	t.Helper()
	for _, n := range gone {
		do(t, n.PowerCut(t.Context()))
	}
	running := 0
	for _, n := range a.Lab.Nodes {
		if n.Running() {
			running++
		}
	}
	a.awaitAnswering(t, int32(running))
}

// isBack waits until servers serve exactly what is wanted, take writes and are Ready, and looks at their version.
func (a *adoption) isBack(t *testing.T, servers []*lab.Node, want string) {
	t.Helper()
	a.servesOn(t, servers, want)
	for _, n := range servers {
		a.runs(t, n, a.distro.Version())
	}
}
