package driver_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

// HOLDFAST_SOAK=1 does it with rke2, too: the same, with more processes.
func TestThreeServersAreRestoredOnOneThatWasNotTheFirst(t *testing.T) {
	flavors := []distro.Flavor{distro.K3s()}
	if os.Getenv("HOLDFAST_SOAK") == "1" {
		flavors = append(flavors, distro.RKE2())
	}
	for _, f := range flavors {
		t.Run(f.Name, func(t *testing.T) { testThreeServers(t, f) })
	}
}

func testThreeServers(t *testing.T, flavor distro.Flavor) {
	s := newScene(t, lab.Config{Flavor: flavor}, 3, 1)
	one, two, three, worker := s.nodes[0], s.nodes[1], s.nodes[2], s.nodes[3]
	s.voters(one, 3)
	s.kubectl(one, "create", "configmap", "before", "--from-literal=a=b")
	file := s.save(two, "--name=mine")
	s.kubectl(one, "create", "configmap", "after", "--from-literal=a=b")
	// The third one is told on its command line whom to join, which no file overrules.
	do(t, three.WriteFile("/etc/systemd/system/"+s.Unit(three)+".d/10-own.conf",
		[]byte("[Service]\nExecStart=\nExecStart="+install.Program(flavor)+" server --server "+s.SupervisorURL(one)+"\n"), 0o644))
	s.run(three, "systemctl", "daemon-reload")

	for _, n := range s.nodes {
		s.run(n, "mkdir", "-p", state)
		s.drive(n, "fence", nil)
		s.drive(n, "stop", nil)
	}
	for _, n := range s.nodes {
		s.wantStopped(n)
		s.aside(n, "u1")
	}
	t.Run("the second one is reset, and nobody's peer any more", func(t *testing.T) {
		s := s.of(t)
		s.drive(two, "restore", settings{ID: "u1", File: file})
		s.wantStopped(two)
		s.starts(two)
		s.voters(two, 1)
		got := s.kubectl(two, "get", "configmap", "-o", "name")
		s.must(got, "before")
		if strings.Contains(got, "after") {
			t.Errorf("after the restore there are %s", got)
		}
	})
	t.Run("the others join it, whatever names their old server", func(t *testing.T) {
		s := s.of(t)
		for i, n := range []*machines.Node{one, three} {
			s.drive(n, "point", s.SupervisorURL(two))
			s.drive(n, "join", nil)
			s.starts(n)
			s.voters(n, i+2)
		}
		if got := s.shell(three, "tr '\\0' ' ' < /proc/$(systemctl show -P MainPID "+s.Unit(three)+")/cmdline"); strings.Contains(got, "--server") {
			t.Errorf("the third one runs %s", got)
		}
		s.drive(worker, "point", s.SupervisorURL(two))
		s.starts(worker)
	})
	t.Run("a machine that is pointed where it would go by itself has no file", func(t *testing.T) {
		s := s.of(t)
		s.drive(one, "point", "")
		s.drive(three, "point", s.SupervisorURL(one))
		for _, n := range []*machines.Node{one, three} {
			if left := s.shell(n, "ls "+flavor.ConfigFile()+".d/zz-* /etc/systemd/system/"+s.Unit(n)+".d/zz-*"); left != "" {
				t.Errorf("%s: left: %s", n.Name, left)
			}
		}
		s.drive(one, "point", s.SupervisorURL(two))
		s.drive(three, "point", s.SupervisorURL(two))
	})
	t.Run("a dead member is taken out, and its machine comes back as another", func(t *testing.T) {
		s := s.of(t)
		dead := s.member(two, "node3")
		admission := map[string]any{"ClusterID": s.cluster(two), "Remove": []string{dead}}
		s.drive(three, "fence", nil)
		s.drive(three, "stop", nil)
		s.aside(three, "u2")
		s.drive(two, "admit", admission)
		s.drive(two, "admit", admission)
		s.voters(two, 2)
		s.drive(three, "point", s.SupervisorURL(two))
		s.drive(three, "join", nil)
		s.starts(three)
		s.voters(two, 3)
		if s.member(two, "node3") == dead {
			t.Error("it has its old id")
		}
		s.drive(two, "promote", map[string]any{"ClusterID": s.cluster(two)})
	})
	t.Run("no member is taken out without whom there would be no quorum", func(t *testing.T) {
		s := s.of(t)
		s.drive(three, "stop", nil)
		s.must(s.fails(two, failed, "admit", map[string]any{"ClusterID": s.cluster(two), "Remove": []string{s.member(two, "node1")}}),
			"there would be no quorum")
		s.must(s.fails(two, refused, "admit", map[string]any{"ClusterID": "1", "Remove": []string{}}), "is a member of cluster")
	})
}

// etcdctl asks a machine's member.
func (s *scene) etcdctl(n *machines.Node, args string) string {
	s.t.Helper()
	return s.shell(n, fmt.Sprintf("/opt/tools/etcdctl-3.7 --endpoints=https://127.0.0.1:2379 --cacert=%[1]s/server-ca.crt --cert=%[1]s/client.crt --key=%[1]s/client.key %[2]s",
		s.srv("tls/etcd"), args))
}

// member is the id of a node's member.
func (s *scene) member(n *machines.Node, node string) string {
	s.t.Helper()
	for line := range strings.Lines(s.etcdctl(n, "member list")) {
		if fields := strings.Split(line, ", "); len(fields) > 2 && strings.HasPrefix(fields[2], node+"-") {
			return fields[0]
		}
	}
	s.t.Fatalf("%s has no member", node)
	return ""
}

// cluster is the id of the cluster.
func (s *scene) cluster(n *machines.Node) string {
	s.t.Helper()
	var id uint64
	for line := range strings.Lines(s.etcdctl(n, "member list --write-out=fields")) {
		if _, err := fmt.Sscanf(line, `"ClusterID" : %d`, &id); err == nil {
			return strconv.FormatUint(id, 16)
		}
	}
	s.t.Fatal("the cluster has no id")
	return ""
}
