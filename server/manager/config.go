package manager

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Config of a manager.
type Config struct {
	// DataDir holds everything that is kept: the embedded control plane and the administrator's kubeconfig. Of no use with
	// an existing cluster.
	DataDir string
	// Listen is the address of the port: ":8443".
	Listen string
	// Advertise are host names and addresses that machines reach this manager at, with a port where it is not that of
	// Listen, the preferred first. Default: this host's own.
	Advertise []string
	// Kubeconfig of an existing cluster to use in place of the embedded control plane.
	Kubeconfig string
	// InCluster uses the cluster that this process is a pod of, with the pod's ServiceAccount, in place of Kubeconfig.
	InCluster bool
	// ApplyManifests brings Holdfast's definitions and roles to the existing cluster. The embedded control plane always
	// has them.
	ApplyManifests bool
	// Agents is the folder with the agents' program. Default: that of this program.
	Agents string
	// Backup is how the manager saves itself. Nil: not at all. Only an embedded control plane can be saved.
	Backup *BackupConfig
	// Logger gets what happens.
	Logger *slog.Logger
	// Now is the clock that certificates and tokens go by.
	Now func() time.Time
}

// existing: the objects are kept in a Kubernetes that is somebody's.
func (c Config) existing() bool { return c.Kubeconfig != "" || c.InCluster }

func (c Config) kubeconfig() string { return filepath.Join(c.DataDir, "kubeconfig") }

// place is where the port can be reached.
type place struct {
	// hosts go into the certificate, addresses into join lines.
	hosts, addresses []string
}

func newPlace(advertise []string, port string) place {
	if len(advertise) == 0 {
		advertise = ownAddresses()
	}
	var p place
	for _, address := range advertise {
		host, withPort := address, address
		if h, _, err := net.SplitHostPort(address); err == nil {
			host = h
		} else {
			withPort = net.JoinHostPort(address, port)
		}
		p.hosts, p.addresses = append(p.hosts, host), append(p.addresses, withPort)
	}
	own, err := os.Hostname()
	if err == nil {
		p.hosts = append(p.hosts, own)
	}
	p.hosts = append(p.hosts, "localhost", "127.0.0.1", "::1")
	slices.Sort(p.hosts)
	p.hosts = slices.Compact(p.hosts)
	return p
}

// ownAddresses of this host, addresses before the name: a name that others can't resolve is common.
func ownAddresses() []string {
	var own []string
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		if network, is := address.(*net.IPNet); is && network.IP.IsGlobalUnicast() {
			own = append(own, network.IP.String())
		}
	}
	if name, err := os.Hostname(); err == nil {
		own = append(own, name)
	}
	return own
}
