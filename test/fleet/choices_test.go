package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// era is what a cluster was at one time: its version, its configuration, its data, and a snapshot of it.
type era struct {
	version, requests, node string
	// data that serves; snapshot that holds it.
	data, snapshot string
	made           *v1alpha1.EtcdSnapshot
}

// history is a cluster that was upgraded and configured anew, with a snapshot of either age.
type history struct {
	*adoption
	before, after era
}

// HOLDFAST_SOAK=1 makes every way of every choice, with rke2, too, and lets things go wrong.
func TestAnUpgradedClusterGoesBackWithEachChoice(t *testing.T) {
	t.Parallel()
	servers := 2
	if soaking() {
		servers = 3
	}
	t.Run("k3s", func(t *testing.T) { goesBack(t, upgraded(t, distro.K3s(), servers)) })
	if soaking() {
		t.Run("rke2", func(t *testing.T) { goesBack(t, upgraded(t, distro.RKE2(), 1)) })
	}
}

func goesBack(t *testing.T, h *history) {
	h.goes(t, "back to the older snapshot, with what is installed", &h.before, v1alpha1.RestoreNone, h.after.version, &h.after)
	h.goes(t, "back with version and configuration", &h.before, v1alpha1.RestoreAll, h.before.version, &h.before)
	t.Run("a snapshot of the newer version is refused where it stays", h.isRefused)
	h.goes(t, "forth with the version", &h.after, v1alpha1.RestoreKubernetesVersion, h.after.version, &h.before)
	if !soaking() {
		return
	}
	h.goes(t, "back with the version", &h.before, v1alpha1.RestoreKubernetesVersion, h.before.version, &h.before)
	h.goes(t, "forth with version and configuration", &h.after, v1alpha1.RestoreAll, h.after.version, &h.after)
	t.Run("a restore that fails takes version and configuration back", h.isTakenBack)
	if len(h.Lab.Nodes) == 1 {
		return
	}
	t.Run("a version that a machine lacks is refused, and brought", h.isBrought)
	t.Run("a machine that was away gets version and configuration before it joins", h.comesLater)
}

// upgraded brings up a cluster of the older minor, and does by hand what its administrator would: saves, upgrades one server
// after the other, configures them anew, and saves again.
func upgraded(t *testing.T, f distro.Flavor, servers int) *history {
	t.Helper()
	for _, tool := range []string{"etcd-3.6", "etcdutl-3.6", "kube-apiserver-1.36"} {
		servertest.Tool(t, tool)
	}
	h := &history{before: era{version: beforeNewest(f), requests: "301", node: "old-timer"}, after: era{version: standin.Newest(f), requests: "302", node: "newcomer"}}
	h.adoption = adoptAs(t, f, servers, func(cfg *standin.Config, nodes []*lab.Node) {
		cfg.Servers, cfg.Version = nodes, h.before.version
		cfg.Settings["kube-apiserver-arg"] = []string{argument + h.before.requests}
		cfg.Own = map[string]map[string]any{}
		for _, n := range nodes {
			cfg.Own[n.Name] = map[string]any{"node-label": []string{"rack=" + n.Name}}
		}
	})
	h.lives(t, &h.before, "test-a")
	for _, n := range h.Lab.Nodes {
		h.upgrade(t, n)
	}
	h.awaitVersion(t, h.after.version)
	_, err := h.distro.Kubectl(t.Context(), h.Lab.Nodes[0], "delete", "node", h.before.node)
	do(t, err)
	h.lives(t, &h.after, "test-b")
	h.put(t, "test-c", "lost")
	return h
}

// argument of the API server that changes between the ages.
const argument = "max-requests-inflight="

func beforeNewest(f distro.Flavor) string {
	if f.StaticPods() {
		return "v1.36.3+rke2r1"
	}
	return "v1.36.3+k3s1"
}

// lives makes the cluster what it is to be at one time, and saves it.
func (h *history) lives(t *testing.T, now *era, object string) {
	t.Helper()
	first := h.Lab.Nodes[0]
	h.put(t, object, "saved")
	h.addNode(t, now.node)
	made := h.save(t)
	var err error
	now.data, err = h.has(t.Context(), first)
	do(t, err)
	all, err := h.Snapshots(t.Context(), name)
	do(t, err)
	for i := range all {
		if s := &all[i]; s.Name == made[0] {
			now.snapshot, now.made = s.Name, s
		}
	}
	if now.made == nil || now.made.Spec.ContentHash == nil || now.made.Spec.KubernetesVersion != now.version {
		t.Fatalf("%v are not of %s: %+v", made, now.version, now.made)
	}
}

// addNode adds a Node that no machine stands behind.
func (h *history) addNode(t *testing.T, node string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "node.yaml")
	do(t, os.WriteFile(file, []byte("apiVersion: v1\nkind: Node\nmetadata: {name: "+node+"}\n"), 0o600))
	_, err := h.distro.Kubectl(t.Context(), h.Lab.Nodes[0], "create", "-f", file)
	do(t, err)
}

// upgrade installs the newer version on one server and changes its configuration, in the file and in a drop-in.
func (h *history) upgrade(t *testing.T, n *lab.Node) {
	t.Helper()
	ctx := t.Context()
	do(t, h.distro.InstallVersion(ctx, n, h.after.version))
	text, err := n.ReadFile(h.flavour.ConfigFile())
	do(t, err)
	text = []byte(strings.ReplaceAll(string(text), argument+h.before.requests, argument+h.after.requests))
	do(t, n.WriteFile(h.flavour.ConfigFile(), text, 0o600))
	do(t, n.WriteFile(h.flavour.ConfigFile()+".d/50-later.yaml", []byte("disable: [traefik]\nnode-label+: [since="+n.Name+"]\n"), 0o600))
	stop := "systemctl stop " + h.distro.Unit(n)
	if h.flavour.StaticPods() {
		stop = "rke2-killall.sh"
	}
	_, err = n.Run(ctx, "sh", "-c", stop)
	do(t, err)
	do(t, h.distro.Start(ctx, n))
}

// awaitVersion waits until the manager knows what is installed.
func (h *history) awaitVersion(t *testing.T, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	for _, n := range h.Lab.Nodes {
		do(t, lab.Until(ctx, n.Name+" to tell of "+version, func(ctx context.Context) error {
			m, err := h.Machine(ctx, n.Name)
			if err == nil && m.Status.DistroVersion != version {
				err = fmt.Errorf("it tells of %s", m.Status.DistroVersion)
			}
			return err
		}))
	}
}

// goes restores a snapshot, and looks whether everything is as it should be then.
func (h *history) goes(t *testing.T, what string, goal *era, scope v1alpha1.RestoreConfigScope, version string, config *era) {
	t.Helper()
	went := t.Run(what, func(t *testing.T) {
		h.brings(t, goal, scope)
		h.is(t, goal, version, config)
		c, err := h.Cluster(t.Context(), name)
		do(t, err)
		if scope != v1alpha1.RestoreNone && c.Spec.KubernetesVersion != version {
			t.Errorf("the cluster's spec says %s", c.Spec.KubernetesVersion)
		}
	})
	if !went {
		t.FailNow() // what it left is nobody's condition
	}
}

// brings back a snapshot. It waits for three machines, one after the other, that may be busy with other tests.
func (h *history) brings(t *testing.T, goal *era, scope v1alpha1.RestoreConfigScope, more ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*operationTimeout)
	defer cancel()
	args := []string{"restore", "create", name, "--snapshot", goal.snapshot, "--restore-config", string(scope), "--yes"}
	_, err := h.Run(ctx, append(args, more...)...)
	do(t, err)
}

// is checks that every machine has a version and a configuration, and the data of an age.
func (h *history) is(t *testing.T, data *era, version string, config *era) {
	t.Helper()
	h.sameContent(t, data)
	h.serves(t, data.data)
	h.leavesNothing(t)
	for _, n := range h.Lab.Nodes {
		h.runs(t, n, version)
		h.isConfigured(t, n, config)
	}
	nodes, err := h.distro.Kubectl(t.Context(), h.Lab.Nodes[0], "get", "nodes", "-o", "name")
	do(t, err)
	for _, one := range []*era{&h.before, &h.after} {
		if strings.Contains(nodes, one.node) != (one == data) {
			t.Errorf("nodes are\n%s", nodes)
		}
	}
}

// runs checks what is installed on a machine, and what serves there.
func (a *adoption) runs(t *testing.T, n *lab.Node, version string) {
	t.Helper()
	said, err := n.Run(t.Context(), a.flavour.Name, "--version")
	do(t, err)
	if !strings.Contains(said, version) {
		t.Errorf("%s: the program says %s", n.Name, said)
	}
	serves, err := a.distro.Kubectl(t.Context(), n, "get", "--raw", "/version")
	do(t, err)
	release, _, _ := strings.Cut(version, "+")
	if !strings.Contains(serves, release) {
		t.Errorf("%s: the API server says %s", n.Name, serves)
	}
}

// isConfigured checks a machine's files, and what its API server was started with.
func (h *history) isConfigured(t *testing.T, n *lab.Node, as *era) {
	t.Helper()
	processes, err := n.Run(t.Context(), "pgrep", "-af", "^/opt/tools/kube-apiserver")
	do(t, err)
	if !strings.Contains(processes, argument+as.requests) {
		t.Errorf("%s: the API server was started as %s", n.Name, processes)
	}
	files, err := n.Run(t.Context(), "sh", "-c", "cat "+h.flavour.ConfigFile()+" "+h.flavour.ConfigFile()+".d/* 2>/dev/null || true")
	do(t, err)
	later := as == &h.after
	for text, want := range map[string]bool{"rack=" + n.Name: true, "traefik": later, "since=" + n.Name: later, "***": false} {
		if strings.Contains(files, text) != want {
			t.Errorf("%s: %q in the configuration: %v\n%s", n.Name, text, !want, files)
		}
	}
	for _, other := range h.Lab.Nodes {
		if other != n && (strings.Contains(files, "rack="+other.Name) || strings.Contains(files, "since="+other.Name)) {
			t.Errorf("%s has what is %s's:\n%s", n.Name, other.Name, files)
		}
	}
}

// sameContent compares what every member holds at the snapshot's revision with what the snapshot held.
func (h *history) sameContent(t *testing.T, data *era) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	tls := h.flavour.DataDir() + "/server/tls/etcd"
	line := fmt.Sprintf("/opt/tools/etcdctl-3.7 --endpoints=https://127.0.0.1:2379 --cacert=%[1]s/server-ca.crt --cert=%[1]s/client.crt --key=%[1]s/client.key "+
		"endpoint hashkv --rev=%[2]d --write-out=json", tls, data.made.Spec.Revision)
	for _, n := range h.Lab.Nodes {
		out, err := n.Run(ctx, "sh", "-c", line)
		do(t, err)
		var hashes []struct{ HashKV struct{ Hash uint32 } }
		do(t, json.Unmarshal([]byte(out), &hashes))
		if len(hashes) != 1 || int64(hashes[0].HashKV.Hash) != *data.made.Spec.ContentHash {
			t.Errorf("%s holds %s, and the snapshot %d", n.Name, out, *data.made.Spec.ContentHash)
		}
	}
}

// isRefused asks for the newer snapshot without its version, on the older one.
func (h *history) isRefused(t *testing.T) {
	out, err := h.Run(t.Context(), "restore", "create", name, "--snapshot", h.after.snapshot, "--yes")
	if err == nil || !strings.Contains(err.Error(), "is installed, which is older") {
		t.Errorf("%s, %v", out, err)
	}
	h.is(t, &h.before, h.before.version, &h.before)
}
