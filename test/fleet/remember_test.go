package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// memory is how the machines' files were at a time.
type memory struct {
	// files of each machine: mode, owner and digest by path.
	files map[string]map[string]string
	// restores that there were.
	restores []string
}

// filesScript tells of each file that a restore could change. What the distribution writes anew at each start is left out, as
// is what is set aside. $1 is the administrator's kubeconfig.
const filesScript = `
find /etc/rancher /etc/systemd/system /etc/default /etc/sysconfig /usr/local/bin /usr/local/lib/systemd -type f \
	! -path '*.holdfast-*' ! -path '/etc/rancher/node/*' ! -path "$1" -printf '%m:%u:%g %p\n' -exec sha256sum {} + 2>/dev/null
true`

// remembers takes down how the files of the machines are now: configuration, units, programs.
func (a *adoption) remembers(t *testing.T) {
	t.Helper()
	m := memory{files: map[string]map[string]string{}}
	for _, n := range a.Lab.Nodes {
		if n.Running() {
			m.files[n.Name] = a.files(t, n)
		}
	}
	restores, err := a.restores(t.Context())
	do(t, err)
	for _, r := range restores {
		m.restores = append(m.restores, r.Name)
	}
	a.memory = &m
}

func (a *adoption) files(t *testing.T, n *lab.Node) map[string]string {
	t.Helper()
	out, err := n.Run(t.Context(), "sh", "-c", filesScript, "sh", a.flavour.Kubeconfig())
	do(t, err)
	files := map[string]string{}
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); len(words) == 2 {
			files[words[1]] += words[0] + " "
		}
	}
	return files
}

// restores of the cluster, the manager's own among them.
func (a *adoption) restores(ctx context.Context) ([]v1alpha1.EtcdSnapshotRestore, error) {
	out, err := a.Kubectl(ctx, "", "get", "etcdsnapshotrestores", "-n", name, "-o", "json")
	if err != nil {
		return nil, err
	}
	var list v1alpha1.EtcdSnapshotRestoreList
	return list.Items, json.Unmarshal([]byte(out), &list)
}

// comparesFiles tells what has changed since the machines were remembered and no plan has said. How each joins the cluster it
// compares with the last plan that says something of that.
func (a *adoption) comparesFiles(t *testing.T) {
	t.Helper()
	if a.memory == nil {
		return
	}
	restores, err := a.restores(t.Context())
	do(t, err)
	slices.SortFunc(restores, func(x, y v1alpha1.EtcdSnapshotRestore) int {
		return x.CreationTimestamp.Compare(y.CreationTimestamp.Time)
	})
	for _, n := range a.Lab.Nodes {
		before := a.memory.files[n.Name]
		if before == nil || !n.Running() {
			continue
		}
		var planned changes
		for _, r := range restores {
			if !slices.Contains(a.memory.restores, r.Name) && kept(&r) {
				planned.add(r.Status.Plan, n.Name)
			}
		}
		now := a.files(t, n)
		for _, file := range slices.Sorted(maps.Keys(now)) {
			if before[file] != now[file] && !planned.allow(a, file) {
				t.Errorf("%s: %s was %q and is %q", n.Name, file, before[file], now[file])
			}
		}
		for file := range before {
			if _, there := now[file]; !there && !planned.allow(a, file) {
				t.Errorf("%s: %s has gone", n.Name, file)
			}
		}
		a.joins(t, n, planned)
	}
}

// kept tells whether what a restore has done to files is still there.
func kept(r *v1alpha1.EtcdSnapshotRestore) bool {
	return r.Status.Plan != nil && (r.Status.Outcome == v1alpha1.OutcomeRestored || r.Status.Outcome == v1alpha1.OutcomeKeptNew)
}

// changes are those that plans have said about one machine.
type changes struct {
	pointed, configured, installed bool
	// joins is whom it is to join, when it is pointed.
	joins string
}

func (c *changes) add(plan *v1alpha1.RestorePlan, machine string) {
	for _, p := range plan.Machines {
		if p.Machine != machine {
			continue
		}
		if p.Joins != "" || p.Action == v1alpha1.ActionRestore {
			c.pointed, c.joins = true, p.Joins
		}
		c.configured = c.configured || p.Config != nil
		c.installed = c.installed || plan.KubernetesVersion != ""
	}
}

func (c *changes) allow(a *adoption, file string) bool {
	switch base := path.Base(file); {
	case base == "zz-holdfast-server.yaml" || base == "zz-holdfast-server.conf":
		return c.pointed
	case strings.HasPrefix(file, a.flavour.ConfigFile()):
		return c.configured
	case path.Dir(file) == "/usr/local/bin":
		return c.installed && strings.HasPrefix(base, a.flavour.Name)
	}
	return false
}

// joins compares what a machine says that it joins with what was planned.
func (a *adoption) joins(t *testing.T, n *lab.Node, planned changes) {
	t.Helper()
	if !planned.pointed {
		return
	}
	do(t, lab.Until(t.Context(), fmt.Sprintf("%s to join %q", n.Name, planned.joins), func(ctx context.Context) error {
		m, err := a.Machine(ctx, n.Name)
		if err == nil && (m.Status.Distribution == nil || m.Status.Distribution.Joins != planned.joins) {
			err = fmt.Errorf("it tells %+v", m.Status.Distribution)
		}
		return err
	}))
}
