package fleet_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// Nothing is left of the manager, and the machines' agents know of each other only what the distribution does. The commands
// are those of docs/k3s.md. HOLDFAST_SOAK=1 takes three servers, of which one can be lost.
func TestK3sServersAreRestoredWithoutAnyManager(t *testing.T) {
	t.Parallel()
	servers := 2
	if soaking() {
		servers = 3
	}
	a := adopt(t, distro.K3s(), servers)
	a.put(t, "test-a", "saved")
	a.save(t)
	a.put(t, "test-b", "new")
	do(t, a.KillManager())
	do(t, os.RemoveAll(a.DataDir()))

	first, others := a.Lab.Nodes[0], a.Lab.Nodes[1:]
	snapshot := strings.TrimSpace(a.shell(t, first, "ls -t /var/lib/rancher/k3s/server/db/snapshots/on-demand-* | head -n 1"))
	t.Run("while another server runs it is refused", func(t *testing.T) {
		r, err := first.Exec(t.Context(), "holdfast-agent", "restore", snapshot, "--yes")
		do(t, err)
		if r.Code == 0 || !strings.Contains(r.Stderr, "other servers of the cluster still run etcd: "+others[0].Address) {
			t.Errorf("exit code %d: %s", r.Code, r.Stderr)
		}
		a.serves(t, "test-a=saved test-b=new")
	})
	for _, n := range others {
		a.shell(t, n, "k3s-killall.sh")
	}
	server := a.distro.SupervisorURL(first)
	t.Run("the plan names what is left to do, and touches nothing", func(t *testing.T) {
		r, err := first.Exec(t.Context(), "holdfast-agent", "restore", snapshot)
		do(t, err)
		if r.Code == 0 || !strings.Contains(r.Stdout, "holdfast-agent rejoin --server "+server) {
			t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		if left := a.shell(t, first, "ls /var/lib/holdfast/fence 2>/dev/null; true"); left != "" {
			t.Errorf("it left %s", left)
		}
	})
	t.Run("a token that does not open it stops nothing", func(t *testing.T) {
		do(t, first.WriteFile("/root/token", []byte("of-other-days\n"), 0o600))
		r, err := first.Exec(t.Context(), "holdfast-agent", "restore", snapshot, "--token-file", "/root/token", "--yes")
		do(t, err)
		if r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "the token is another than the one that the snapshot was taken with") {
			t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		if left := a.shell(t, first, "ls -d /var/lib/rancher/k3s/server/*.holdfast-* 2>/dev/null; true"); left != "" {
			t.Errorf("it moved %s", left)
		}
	})
	a.local(t, first, "restore", snapshot)
	for _, n := range others {
		a.local(t, n, "rejoin", "--server", server)
	}
	a.serves(t, "test-a=saved")
	for _, n := range a.Lab.Nodes {
		if left := a.shell(t, n, "ls /var/lib/holdfast/fence /etc/systemd/system/*.d/*holdfast-fence* 2>/dev/null; systemctl list-units --all --no-legend 'holdfast-reset*'"); left != "" {
			t.Errorf("%s: %s is left", n.Name, left)
		}
	}
	if !soaking() {
		return
	}
	t.Run("one that is lost later joins again, and its old member goes", func(t *testing.T) {
		lost := others[1]
		a.shell(t, lost, "k3s-killall.sh; rm -rf /var/lib/rancher/k3s/server/db/etcd")
		a.local(t, lost, "rejoin", "--server", server)
		a.serves(t, "test-a=saved")
		members, err := a.distro.Members(t.Context(), first)
		if do(t, err); len(members) != len(a.Lab.Nodes) {
			t.Errorf("members %v", members)
		}
	})
}

// local runs a command of a machine's agent that asks no manager.
func (a *adoption) local(t *testing.T, n *lab.Node, args ...string) {
	t.Helper()
	_, err := n.Run(t.Context(), append(append([]string{"holdfast-agent"}, args...), "--yes")...)
	do(t, err)
}

func (a *adoption) shell(t *testing.T, n *lab.Node, line string) string {
	t.Helper()
	out, err := n.Run(t.Context(), "sh", "-c", line)
	do(t, err)
	return strings.TrimSpace(out)
}
