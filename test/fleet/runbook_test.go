package fleet_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/runbook"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

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
		ctx, cancel := context.WithTimeout(ctx, operationTimeout)
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

// isDone fails when there are commands that were not typed.
func (r *reader) isDone(t *testing.T) {
	t.Helper()
	if left := r.page.Left(); len(left) > 0 {
		t.Errorf("nobody has followed %q", left)
	}
}
