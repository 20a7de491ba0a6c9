package distro

import (
	"path/filepath"
	"strings"
)

// Flavor is which of the two distributions a stand-in is.
type Flavor struct {
	// Name is "k3s" or "rke2".
	Name string
	// SupervisorPort is where servers and agents join.
	SupervisorPort int
}

// K3s serves everything on one port.
func K3s() Flavor { return Flavor{Name: "k3s", SupervisorPort: 6443} }

// RKE2 runs etcd and kube-apiserver as static pods.
func RKE2() Flavor { return Flavor{Name: "rke2", SupervisorPort: 9345} }

// StaticPods reports whether etcd and kube-apiserver outlive the program.
func (f Flavor) StaticPods() bool { return f.Name == "rke2" }

// Env is the name of an environment variable: K3S_TOKEN.
func (f Flavor) Env(name string) string { return strings.ToUpper(f.Name) + "_" + name }

// DataDir is the default data directory.
func (f Flavor) DataDir() string { return filepath.Join("/var/lib/rancher", f.Name) }

// ConfigDir holds config.yaml and the kubeconfig.
func (f Flavor) ConfigDir() string { return filepath.Join("/etc/rancher", f.Name) }

// ConfigFile is the default configuration.
func (f Flavor) ConfigFile() string { return filepath.Join(f.ConfigDir(), "config.yaml") }

// Kubeconfig is the administrator's.
func (f Flavor) Kubeconfig() string { return filepath.Join(f.ConfigDir(), f.Name+".yaml") }

// EtcdKey is a label or annotation: etcd.k3s.cattle.io/node-name.
func (f Flavor) EtcdKey(name string) string { return "etcd." + f.Name + ".cattle.io/" + name }

// Title is how the name begins a header: K3s, Rke2.
func (f Flavor) Title() string { return strings.ToUpper(f.Name[:1]) + f.Name[1:] }

// Path is an HTTP path of the supervisor: /v1-k3s/server-bootstrap.
func (f Flavor) Path(name string) string { return "/v1-" + f.Name + "/" + name }

// APIPort is where the local kube-apiserver listens: k3s' is on loopback, behind the supervisor.
func (f Flavor) APIPort(listen int) int {
	if f.StaticPods() {
		return 6443
	}
	return listen + 1
}
