package k3s

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDistributionsProcessesAreToldFromThoseOfPeople(t *testing.T) {
	const pod = "0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-0123.scope\n"
	n := machine(t, K3s, server(), map[string]string{"/var/lib/rancher/k3s/data": "/"})
	for name, test := range map[string]struct {
		process process
		want    bool
	}{
		"the server":                       {process{argv: []string{"/usr/local/bin/k3s", "server"}}, true},
		"the server with its title":        {process{argv: []string{"/usr/local/bin/k3s server"}}, true},
		"the agent":                        {process{argv: []string{"/usr/local/bin/k3s", "agent", "--debug"}}, true},
		"somebody's kubectl":               {process{argv: []string{"/usr/local/bin/k3s", "kubectl", "get", "pods"}}, false},
		"somebody's kubectl, unpacked":     {process{argv: []string{"kubectl"}, program: "/var/lib/rancher/k3s/data/0a/bin/k3s"}, false},
		"a snapshot being taken":           {process{argv: []string{"k3s", "etcd-snapshot", "save"}}, false},
		"containerd":                       {process{argv: []string{"containerd", "-c", "x"}, program: "/var/lib/rancher/k3s/data/0a/bin/containerd"}, true},
		"a shim":                           {process{argv: []string{"/var/lib/rancher/k3s/data/0a/bin/containerd-shim-runc-v2", "-id", "x"}}, true},
		"Docker's containerd":              {process{argv: []string{"containerd"}, program: "/usr/bin/containerd"}, false},
		"whatever runs in a pod":           {process{argv: []string{"nginx"}, group: pod}, true},
		"a shell":                          {process{argv: []string{"sh", "-c", "k3s server"}}, false},
		"another program with such a name": {process{argv: []string{"/opt/k3s-proxy", "server"}}, false},
	} {
		if got := n.belongs(test.process); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestADataDirectoryThatIsALinkIsTheOneThatItLeadsTo(t *testing.T) {
	n := machine(t, RKE2, server(), map[string]string{"/big/rke2/data": "/"})
	if err := os.MkdirAll(n.at("/var/lib/rancher"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(n.at("/big/rke2"), n.at("/var/lib/rancher/rke2")); err != nil {
		t.Fatal(err)
	}
	if !n.belongs(process{argv: []string{"kubelet"}, program: n.at("/big/rke2/data/v1/bin/kubelet")}) {
		t.Error("its kubelet is not known")
	}
}

func TestProcessesAreReadAndNamedWithoutTheirArguments(t *testing.T) {
	n := machine(t, K3s, server(), map[string]string{
		"/proc/7/cmdline": "/usr/local/bin/k3s\x00server\x00--token\x00secret\x00", "/proc/7/cgroup": "0::/system.slice/k3s.service\n",
		"/proc/8/cmdline": "", "/proc/8/cgroup": "0::/\n", // a zombie, or the kernel's
		"/proc/9/cmdline": "sh\x00", "/proc/9/cgroup": "0::/\n", "/proc/self/cmdline": "x",
	})
	left, err := n.alive()
	if err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	if got := left[0].String(); got != "k3s (process 7)" {
		t.Error(got)
	}
}

func TestAServerInAContainerIsNotThisMachines(t *testing.T) {
	n := machine(t, K3s, server(), map[string]string{
		"/proc/7/cmdline": "/usr/local/bin/k3s\x00server\x00", "/proc/7/cgroup": "0::/system.slice/k3s.service\n", "/proc/7/ns": "/",
		"/proc/8/cmdline": "/bin/k3s server", "/proc/8/cgroup": "0::/system.slice/docker-0123.scope\n", "/proc/8/ns": "/", "/proc/self/ns": "/",
	})
	for pid, network := range map[string]string{"self": "net:[1]", "7": "net:[1]", "8": "net:[2]"} {
		if err := os.Symlink(network, n.at("/proc", pid, "ns/net")); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := n.alive(); err != nil || len(left) != 1 || left[0].pid != 7 {
		t.Error(left, err)
	}
}

func TestPodsOfAClusterInAContainerAreNotThisMachines(t *testing.T) {
	const pod = "/kubepods.slice/kubepods-besteffort.slice/cri-containerd-0123.scope\n"
	for name, test := range map[string]struct {
		own, group string
		want       bool
	}{
		"on the machine":                {"0::/system.slice/holdfast-agent.service\n", "0::" + pod, true},
		"on the machine, first version": {"1:name=systemd:/system.slice/holdfast-agent.service\n", "4:pids:" + pod + "1:name=systemd:" + pod, true},
		"in a container":                {"0::/system.slice/holdfast-agent.service\n", "0::/docker/0a" + pod, false},
		"with the agent in a container": {"0::/lab/n1/system.slice/holdfast-agent.service\n", "0::/lab/n1" + pod, true},
		"of another such":               {"0::/lab/n1/system.slice/holdfast-agent.service\n", "0::/lab/n11" + pod, false},
		"no pod":                        {"0::/\n", "0::/system.slice/nginx.service\n", false},
	} {
		n := machine(t, K3s, server(), map[string]string{"/proc/self/cgroup": test.own})
		if got := n.belongs(process{argv: []string{"nginx"}, group: test.group}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhoeverListensOnThePortsIsNamed(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	n := machine(t, RKE2, server(), map[string]string{
		"/proc/net/tcp": head +
			"   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n" + // 2379
			"   1: 0100007F:094C 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0\n" + // 2380, a connection
			"   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0\n",
		"/proc/net/tcp6":  head + "   0: 00000000000000000000000000000000:2481 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4714 1 0\n", // 9345
		"/proc/7/cmdline": "/opt/etcd\x00--token=secret\x00", "/proc/7/cgroup": "0::/\n", "/proc/7/fd": "/",
	})
	if err := os.Symlink("socket:[4711]", n.at("/proc/7/fd/3")); err != nil {
		t.Fatal(err)
	}
	held, err := n.listeners(n.ports())
	if diff := cmp.Diff([]listener{{2379, "4711"}, {9345, "4714"}}, held, cmp.AllowUnexported(listener{})); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	text := n.stillThere(nil, held, nil).Error()
	for _, part := range []string{"etcd (process 7) listens on port 2379", "a process that can't be seen listens on port 9345"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %s", part, text)
		}
	}
}

func TestThePortsAreThoseOfWhatRunsHere(t *testing.T) {
	for name, test := range map[string]struct {
		n    *node
		want []int
	}{
		"k3s":                {machine(t, K3s, server(), nil), []int{2379, 2380, 2381, 2382, 6443}},
		"k3s elsewhere":      {machine(t, K3s, server("--https-listen-port=7443"), nil), []int{2379, 2380, 2381, 2382, 7443}},
		"k3s on two ports":   {machine(t, K3s, server("--supervisor-port=9345"), nil), []int{2379, 2380, 2381, 2382, 9345, 6443}},
		"rke2":               {machine(t, RKE2, server(), nil), []int{2379, 2380, 2381, 2382, 9345, 6443}},
		"control plane only": {machine(t, RKE2, server("--disable-etcd"), nil), []int{9345, 6443}},
		"a worker":           {machine(t, RKE2, agent(), nil), nil},
	} {
		if diff := cmp.Diff(test.want, test.n.ports()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheScriptIsFoundWhereInstallersPutIt(t *testing.T) {
	for _, dir := range []string{"/usr/local/bin", "/opt/rke2/bin", "/usr/bin"} {
		n := machine(t, RKE2, server(), map[string]string{filepath.Join(dir, "rke2-killall.sh"): "#!/bin/sh\n"})
		if got := n.killall(); got != "" {
			t.Errorf("%s can't be run", got)
		}
		if err := os.Chmod(n.at(dir, "rke2-killall.sh"), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := n.killall(); got != filepath.Join(dir, "rke2-killall.sh") {
			t.Errorf("in %s: found %q", dir, got)
		}
	}
}

func TestManifestsOfTheAdministratorsPodsStay(t *testing.T) {
	const dir = "/var/lib/rancher/rke2/agent/pod-manifests/"
	n := machine(t, RKE2, server(), map[string]string{dir + "etcd.yaml": "a", dir + "kube-apiserver.yaml": "a", dir + "kube-vip.yaml": "a"})
	if err := n.dropManifests(); err != nil {
		t.Fatal(err)
	}
	if n.exists(dir+"etcd.yaml") || n.exists(dir+"kube-apiserver.yaml") || !n.exists(dir+"kube-vip.yaml") {
		t.Error("the wrong ones are left")
	}
}
