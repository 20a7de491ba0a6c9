package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

func TestACaredForClusterOfThreeK3sServersIsRestored(t *testing.T) {
	t.Parallel()
	a := adopt(t, distro.K3s(), 3)
	t.Run("all servers hold the snapshot, and what came later is gone", a.isRestored)
	t.Run("it goes on being saved", a.saves)
	t.Run("a restore that can't succeed leaves the cluster as it was", a.isLeftAsItWas)
}

func TestACaredForRKE2ServerIsRestored(t *testing.T) {
	t.Parallel()
	a := adopt(t, distro.RKE2(), 1)
	t.Run("it holds the snapshot, and what came later is gone", a.isRestored)
}

// put writes a ConfigMap through the API server of the first machine.
func (a *adoption) put(t *testing.T, object, value string) {
	t.Helper()
	_, err := a.distro.Kubectl(t.Context(), a.Lab.Nodes[0], "create", "configmap", object, "--from-literal=value="+value)
	do(t, err)
}

// has tells what a machine's API server has, as name=value, of ConfigMaps that a test made.
func (a *adoption) has(ctx context.Context, n *lab.Node) (string, error) {
	out, err := a.distro.Kubectl(ctx, n, "get", "configmaps", "-o", `jsonpath={range .items[*]}{.metadata.name}={.data.value} {end}`)
	if err != nil {
		return "", err
	}
	words := slices.DeleteFunc(strings.Fields(out), func(w string) bool { return !strings.HasPrefix(w, "test-") })
	slices.Sort(words)
	return strings.Join(words, " "), nil
}

// serves waits until every machine serves exactly these, takes a write, and is Ready.
func (a *adoption) serves(t *testing.T, want string) {
	t.Helper()
	a.servesOn(t, a.Lab.Nodes, want)
}

// servesAndWrites waits until the API server of a machine serves exactly what is wanted, and has it take a write.
func (a *adoption) servesAndWrites(ctx context.Context, t *testing.T, n *lab.Node, want string) {
	t.Helper()
	do(t, lab.Until(ctx, n.Name+" to serve "+want, func(ctx context.Context) error {
		got, err := a.has(ctx, n)
		if err == nil && got != want {
			err = fmt.Errorf("it serves %q", got)
		}
		return err
	}))
	_, err := a.distro.Kubectl(ctx, n, "create", "configmap", "written-on-"+n.Name)
	do(t, err)
	_, err = a.distro.Kubectl(ctx, n, "delete", "configmap", "written-on-"+n.Name)
	do(t, err)
}

func (a *adoption) servesOn(t *testing.T, nodes []*lab.Node, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	for _, n := range nodes {
		a.servesAndWrites(ctx, t, n, want)
		do(t, a.distro.Ready(ctx, n))
	}
}

func (a *adoption) isRestored(t *testing.T) {
	a.put(t, "test-a", "saved")
	made := a.save(t)
	a.put(t, "test-b", "new")
	last := a.Lab.Nodes[len(a.Lab.Nodes)-1]
	_, err := last.Run(t.Context(), "rm", "/etc/rancher/node/password") // as if it had been set up anew since the snapshot
	do(t, err)
	a.remembers(t)
	a.run(t, "restore", "create", name, "--snapshot", made[len(made)-1], "--yes")
	a.serves(t, "test-a=saved")
	a.leavesNothing(t)
	var r v1alpha1.EtcdSnapshotRestore
	do(t, a.Read(t.Context(), &r, "restore", "status", name))
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
	}
	members, err := a.distro.Members(t.Context(), a.Lab.Nodes[0])
	do(t, err)
	if len(members) != len(a.Lab.Nodes) {
		t.Errorf("members %v", members)
	}
	_, err = a.distro.Kubectl(t.Context(), a.Lab.Nodes[0], "delete", "configmap", "test-a")
	do(t, err)
}

// A restore that its checks refuse touches nothing.
func (a *adoption) isLeftAsItWas(t *testing.T) {
	a.put(t, "test-c", "kept")
	made := a.save(t)
	a.put(t, "test-d", "kept")
	a.remembers(t)
	out, err := a.Run(t.Context(), "restore", "create", name, "--snapshot", made[0], "--init-machine", "nobody", "--yes")
	if err == nil {
		t.Errorf("a restore to nobody: %s", out)
	}
	a.serves(t, "test-c=kept test-d=kept")
	a.leavesNothing(t)
}
