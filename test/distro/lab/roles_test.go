package lab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
)

// The smallest cluster of its kind; HOLDFAST_SOAK=1 makes it of three etcd servers, two of the control plane and two workers.
func TestEtcdControlPlaneAndWorkersOnMachinesOfTheirOwn(t *testing.T) {
	etcds, controls, workers := 1, 1, 1
	if os.Getenv("HOLDFAST_SOAK") == "1" {
		etcds, controls, workers = 3, 2, 2
	}
	tools(t)
	config, err := lab.MachineConfig()
	do(t, err)
	l := labtest.New(t, config, etcds+controls+workers)
	cfg := k3s(profile.Profile{})
	cfg.Servers, cfg.Control, cfg.Agents = l.Nodes[:etcds], l.Nodes[etcds:etcds+controls], l.Nodes[etcds+controls:]
	installed, err := lab.Install(t.Context(), cfg)
	do(t, err)
	c := &cluster{Cluster: installed, t: t, nodes: l.Nodes}
	etcd, control, worker := cfg.Servers[0], cfg.Control[0], cfg.Agents[0]

	t.Run("each Node says what it is for", func(t *testing.T) {
		for n, want := range map[*machines.Node]string{etcd: "etcd", control: "control-plane"} {
			labels := c.kubectl(control, "get", "node", n.Name, "-o", "jsonpath={.metadata.labels}")
			if got := strings.Contains(labels, "/etcd"); got != (want == "etcd") {
				t.Errorf("%s has the labels %s", n.Name, labels)
			}
			if got := strings.Contains(labels, "/control-plane"); got != (want == "control-plane") {
				t.Errorf("%s has the labels %s", n.Name, labels)
			}
		}
	})
	t.Run("a snapshot is taken where etcd is", func(t *testing.T) {
		must(t, c.save(), "on-demand-"+etcd.Name+"-")
		_, stderr, code := c.try(control, "k3s", "etcd-snapshot", "save")
		must(t, stderr, "etcd datastore disabled")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("a worker with another password is refused", func(t *testing.T) {
		do(t, c.Stop(t.Context(), worker))
		do(t, worker.WriteFile("/etc/rancher/node/password", []byte("another\n"), 0o600))
		_, err := worker.Run(t.Context(), "systemctl", "start", "--no-block", c.Unit(worker))
		do(t, err)
		c.logs(worker, "Node password rejected, duplicate hostname")
		c.kubectl(control, "-n", "kube-system", "delete", "secret", worker.Name+".node-password.k3s")
		do(t, c.Ready(t.Context(), worker))
	})
}
