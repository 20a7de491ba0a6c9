// Package agent is the daemon on each machine. It does what its Machine and MachinePlan say, takes the recurring snapshots
// by itself, and reports. While the manager is away it goes on with what it knew last; without a manager at all it goes by
// its config file.
//
// What runs beside each other: the supervisor of what runs etcd where there is no systemd, the plans, the schedule, the live
// comparison, the link to the manager, the server for other machines, and the metrics. They share the [standing] and the
// operation lock of the journal, and nothing else.
//
// The package must not import the controllers. Start reading at [Agent.Run].
package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

// Config is what an agent is started with.
type Config struct {
	File
	// StateDir holds all that the agent keeps: identity, journal, snapshots.
	StateDir string
	// Etcd is a command that runs an etcd, for trial restores.
	Etcd []string
	// Version of the program.
	Version  string
	Hostname string
	Now      func() time.Time
	Log      *slog.Logger
}

// Defaults of the config file.
const (
	DefaultStateDir = "/var/lib/holdfast"
	DefaultFile     = "/etc/holdfast/agent.yaml"
	defaultPeer     = ":8444"
	defaultMetrics  = "127.0.0.1:9644"
)

// File is the config file: YAML, every field optional.
type File struct {
	// Supervise runs etcd, K3s or RKE2 under the agent, where there is no systemd.
	Supervise *Supervise `json:"supervise,omitempty"`
	// Unit that runs K3s or RKE2. Default: the one with its name that starts it.
	Unit string `json:"unit,omitempty"`
	// Peer is where other machines' agents fetch snapshots from.
	Peer Peer `json:"peer,omitempty"`
	// Metrics is the address for Prometheus; "none" for no metrics. Default: 127.0.0.1:9644.
	Metrics string `json:"metrics,omitempty"`
	// SpoolDir holds large temporary files. Default: spool in the state directory.
	SpoolDir string `json:"spoolDir,omitempty"`
	// Node is this machine's name in the names of snapshots. Default: the host name.
	Node string `json:"node,omitempty"`
	// KeepAside is how long data that a restore has moved aside is kept after its commit, as 168h; "forever" for until
	// somebody removes it. Default: 168h. It is kept longer where there is no newer snapshot that is restored or proven.
	KeepAside string `json:"keepAside,omitempty"`
	// Artifacts are where versions of K3s and RKE2 come from when a restore brings one back.
	Artifacts Artifacts `json:"artifacts,omitempty"`
	// Local makes the agent work without a manager: these are the settings that it would get from there.
	Local *Local `json:"local,omitempty"`
}

// Supervise says how etcd, K3s or RKE2 is run by the agent.
type Supervise struct {
	// Command with all arguments; nothing in it is expanded.
	Command []string `json:"command"`
	// Env as NAME=value. The agent's own environment is not handed on.
	Env []string `json:"env,omitempty"`
}

// supervisor runs what the config file says; nil where that says nothing.
func (c Config) supervisor() *supervise.Supervisor {
	if c.Supervise == nil {
		return nil
	}
	return supervise.New(supervise.Config{
		Command: c.Supervise.Command, Env: c.Supervise.Env, StateDir: c.StateDir, Is: k3s.Recognize(c.Supervise.Command), Log: c.Log,
	})
}

// Artifacts says where versions of K3s and RKE2 are, besides those that the agent has kept itself.
type Artifacts struct {
	// Dir holds releases as they are published, each in a directory named after its version: the program or the tar archive,
	// sha256sum-<arch>.txt, and perhaps the archive with the images.
	Dir string `json:"dir,omitempty"`
	// URL of such a directory, with {version} in it; https only.
	URL string `json:"url,omitempty"`
}

// Peer says where the agent serves other agents.
type Peer struct {
	// Address to listen on. Default: ":8444".
	Address string `json:"address,omitempty"`
	// Advertise are the addresses that others reach this machine at. Default: those of its interfaces.
	Advertise []string `json:"advertise,omitempty"`
}

// Local are the settings of an agent without a manager.
type Local struct {
	v1alpha1.MachineSpec `json:",inline"`
	// CredentialsFile holds the S3 keys as lines accessKey=…, secretKey=… and perhaps sessionToken=…, readable by its
	// owner alone. Default: the machine's own credentials, as AWS's chain finds them.
	CredentialsFile string `json:"credentialsFile,omitempty"`
}

// Load reads the config file. One that is missing is empty, unless it was asked for by name.
func Load(path string) (File, error) {
	var f File
	asked := path != ""
	if !asked {
		path = DefaultFile
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return f, nil
	}
	if err != nil {
		return f, problem.File("read the config file", path, "--config", err)
	}
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(data), &f); err != nil {
		return f, &problem.Error{Kind: problem.Usage, Op: "read the config file", Subject: path, Err: err}
	}
	return f, f.check(path)
}

func (f File) check(path string) error {
	why := ""
	switch {
	case f.Supervise != nil && len(f.Supervise.Command) == 0:
		why = "supervise.command is missing"
	case f.Supervise != nil && f.Unit != "":
		why = "supervise and unit exclude each other: either the agent runs it, or systemd does"
	case f.Local != nil && f.Local.ClusterID == "":
		why = "local.clusterID is missing: it names the cluster in snapshots and in the owner marker, as c-abcde"
	case f.Local != nil && f.Local.Snapshots != nil && f.Local.Snapshots.Retention < 0:
		why = "local.snapshots.retention is negative"
	}
	if _, _, err := f.keep(); err != nil {
		why = "keepAside is neither a duration, as 168h, nor forever: " + err.Error()
	}
	if f.Artifacts.URL != "" && !strings.HasPrefix(f.Artifacts.URL, "https://") {
		why = "artifacts.url must begin with https://"
	}
	if why == "" {
		return nil
	}
	return &problem.Error{Kind: problem.Usage, Op: "read the config file", Subject: path, Why: why}
}

// IdentityDir is where the identity lies in a state directory.
func IdentityDir(stateDir string) string { return filepath.Join(stateDir, "identity") }

func (c Config) snapshotDir() string { return filepath.Join(c.StateDir, "snapshots") }
func (c Config) journalDir() string  { return filepath.Join(c.StateDir, "journal") }
func (c Config) spoolDir() string {
	if c.SpoolDir != "" {
		return c.SpoolDir
	}
	return filepath.Join(c.StateDir, "spool")
}

// secretDir is where a secret is written that a program has to read: in memory, where this is the machine's own agent.
func (c Config) secretDir() string {
	if c.StateDir == DefaultStateDir {
		return "/run/holdfast/given"
	}
	return filepath.Join(c.StateDir, "given")
}

var errNoIdentity = errors.New("this machine has not joined a manager, and its config file has no section local")
