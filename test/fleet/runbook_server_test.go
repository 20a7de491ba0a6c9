package fleet_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// serverLost: one of three is set up anew under its name, and then off for good. The others never stop serving.
func serverLost(t *testing.T, f distro.Flavor) {
	a := caredFor(t, f, 3)
	server, lost, rest := a.Lab.Nodes[0], a.Lab.Nodes[2], a.Lab.Nodes[:2]
	r := a.opens(t, "k3s-node-lost.md", map[string]string{
		"LOST": lost.Name, "SERVER": server.Name, "KUBECTL": a.kubectl(), "REMOVE": f.EtcdKey("remove"),
	})
	a.put(t, "test-a", "kept")
	serving := a.watchAPIOf(t, rest)

	a.losesItself(t, lost)
	r.follows(t, "1. What is lost?", "A new machine in its place")
	r.runsPrinted(t, lost)
	a.awaitUnhealthy(t, lost)
	r.follows(t, "2. Make its member anew", "3. Check")
	a.isBack(t, a.Lab.Nodes, "test-a=kept")
	a.allVote(t)

	a.loses(t, []*lab.Node{lost})
	r.follows(t, "If the machine never comes back")
	r.looks(t, "Have the manager forget it")
	serving()
	a.isBack(t, rest, "test-a=kept")
	a.allVoteOn(t, rest)
	a.knowsNothingOf(t, lost)
	r.isDone(t)
}

// losesItself leaves of a machine what its administrator installs again: name, address, program and configuration.
func (a *adoption) losesItself(t *testing.T, n *lab.Node) {
	t.Helper()
	_, err := n.Run(t.Context(), "sh", "-ec", a.flavour.Name+"-killall.sh; systemctl disable --now holdfast-agent; "+
		"rm -rf /var/lib/holdfast /etc/holdfast /usr/local/bin/holdfast-agent /etc/systemd/system/holdfast-agent.service /etc/rancher/node "+a.flavour.DataDir())
	do(t, err)
	a.awaitAnswering(t, int32(len(a.Lab.Nodes)-1))
}

// knowsNothingOf: neither the cluster nor the manager does.
func (a *adoption) knowsNothingOf(t *testing.T, n *lab.Node) {
	t.Helper()
	nodes, err := a.distro.Kubectl(t.Context(), a.Lab.Nodes[0], "get", "nodes", "-o", "name")
	do(t, err)
	if machines := a.run(t, "machine", "ls", name); strings.Contains(nodes+machines, n.Name) {
		t.Errorf("nodes are\n%smachines\n%s", nodes, machines)
	}
}
