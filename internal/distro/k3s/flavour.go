package k3s

import "path/filepath"

// Flavour is what differs between the two distributions.
type Flavour struct {
	// Name of the program, and of all that is named after it.
	Name string
	// Env begins the names of its environment variables.
	Env string
	// ServerUnit and AgentUnit are the systemd units that its installer makes.
	ServerUnit, AgentUnit string
	// Supervisor is the port that nodes join at, unless the configuration says otherwise; PortFlags are where it would say so,
	// the first before the others. None: it can't.
	Supervisor string
	PortFlags  []string
	// API is the port that the API server is reached at, and APIFlag where the configuration may say otherwise.
	API, APIFlag string
	// KillAll is the script that stops the distribution with all that it started.
	KillAll string
	// Lingers: etcd and the API server go on running when the unit is stopped.
	Lingers bool
	// NeedsInit: a first server is on etcd only with cluster-init; without it it would be on SQLite.
	NeedsInit bool
}

// The two.
var (
	K3s = Flavour{
		Name: "k3s", Env: "K3S", ServerUnit: "k3s.service", AgentUnit: "k3s-agent.service",
		Supervisor: "6443", PortFlags: []string{"supervisor-port", "https-listen-port"}, API: "6443", APIFlag: "https-listen-port", KillAll: "k3s-killall.sh", NeedsInit: true,
	}
	RKE2 = Flavour{
		Name: "rke2", Env: "RKE2", ServerUnit: "rke2-server.service", AgentUnit: "rke2-agent.service",
		Supervisor: "9345", API: "6443", KillAll: "rke2-killall.sh", Lingers: true,
	}
)

// ConfigFile is where the configuration lies unless it is named otherwise.
func (f Flavour) ConfigFile() string { return filepath.Join("/etc/rancher", f.Name, "config.yaml") }

// DataDir is where the data lies unless the configuration says otherwise.
func (f Flavour) DataDir() string { return filepath.Join("/var/lib/rancher", f.Name) }
