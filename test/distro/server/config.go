// Package server runs a server of a stand-in, from its data directory to its controllers, and its reset (surface 1, 5, 7).
//
// Start reading at [Run].
package server

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// Config is what flags, environment and files have said.
type Config struct {
	Flavor  distro.Flavor
	Profile profile.Profile
	// Version is the program's: v1.37.2+k3s1.
	Version string
	Log     *logrus.Logger
	Now     func() time.Time

	DataDir, NodeName, NodeIP string
	// Token and AgentToken are as given; "": what the data directory has.
	Token, AgentToken string
	// TokenGiven: it was given as text. A restore does not count one that was given in a file.
	TokenGiven bool
	// Server is the supervisor to join; "": none.
	Server             string
	ClusterInit        bool
	ClusterReset       bool
	RestorePath        string
	Port               int
	WriteKubeconfig    string
	KubeconfigMode     string
	ServiceCIDR        string
	ClusterCIDR        string
	ClusterDNS         string
	ClusterDomain      string
	SANs               []string
	NodeLabels         []string
	NodeTaints         []string
	EtcdArgs           []string
	APIServerArgs      []string
	SecretsEncryption  bool
	ExposeMetrics      bool
	DisableAgent       bool
	DisableAPIServer   bool
	DisableEtcd        bool
	DisableControllers bool
	DatastoreEndpoint  string

	Snapshot Snapshots
}

// Snapshots is what concerns snapshots.
type Snapshots struct {
	Disabled  bool
	Name      string
	Cron      string
	Retention int
	Dir       string
	Compress  bool
	Reconcile time.Duration
	// S3 is nil when etcd-s3 is off.
	S3 *snapshot.S3
}

func (c Config) serverDir() string       { return filepath.Join(c.DataDir, "server") }
func (c Config) in(path string) string   { return filepath.Join(c.serverDir(), path) }
func (c Config) tokenFile() string       { return c.in("token") }
func (c Config) resetFlag() string       { return c.in("db/reset-flag") }
func (c Config) apiAddressesKey() string { return c.Flavor.Name + "/apiaddresses" }

// minor is the version's: "1.37".
func (c Config) minor() string {
	parts := strings.SplitN(strings.TrimPrefix(c.Version, "v"), ".", 3)
	return parts[0] + "." + parts[1]
}

// etcdMinor is the etcd that the minor comes with.
func (c Config) etcdMinor() string {
	switch c.minor() {
	case "1.33":
		return "3.5"
	case "1.34", "1.35", "1.36":
		return "3.6"
	default:
		return "3.7"
	}
}

// snapshotDir is where scheduled snapshots go.
func (c Config) snapshotDir() string {
	if c.Snapshot.Dir != "" {
		return c.Snapshot.Dir
	}
	return c.in("db/snapshots")
}

// request is what the server asks of itself.
func (c Config) request() snapshot.Request {
	dir := c.snapshotDir()
	return snapshot.Request{Dir: &dir, S3: c.Snapshot.S3}
}

// critical are the settings in which servers must agree.
func (c Config) critical() map[string]string {
	yes := map[bool]string{true: "true", false: "false"}
	return map[string]string{
		"ClusterIPRange": c.ClusterCIDR, "ServiceIPRange": c.ServiceCIDR, "ClusterDNS": c.ClusterDNS, "ClusterDomain": c.ClusterDomain,
		"EncryptSecrets": yes[c.SecretsEncryption],
	}
}
