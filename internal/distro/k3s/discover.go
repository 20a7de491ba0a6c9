package k3s

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Discover implements distro.Driver. It asks no server, so that it tells the same while none runs. A machine without an
// embedded etcd has an installation, too: one without a member, whose Distribution says why.
func (d *Driver) Discover(ctx context.Context) (*distro.Installation, error) {
	n, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	inst, err := n.installation()
	if err != nil {
		return nil, err
	}
	// A program that can't be asked is no reason to know nothing else.
	if inst.DistroVersion, err = d.version(ctx, n); err != nil {
		d.cfg.Log.Warn("the version is not known", "error", err)
	}
	if inst.DataDir != "" {
		inst.Version = etcdOf(inst.DistroVersion)
	}
	return inst, nil
}

// installation is what the machine's files say.
func (n *node) installation() (*distro.Installation, error) {
	config, err := n.redactedConfig()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(config)
	inst := &distro.Installation{Config: config, ConfigDigest: hex.EncodeToString(sum[:])}
	settings := n.etcdSettings()
	if inst.Distribution, err = n.distribution(settings.address()); err != nil {
		return nil, err
	}
	if inst.Distribution.Datastore != v1alpha1.DatastoreEtcd {
		return inst, nil
	}
	inst.SnapshotDir = n.snapshotDir()
	inst.DataDir, inst.Member, inst.PeerURLs = n.etcdDir(), settings.Name, splitURLs(settings.PeerURLs)
	inst.InitialCluster = settings.InitialCluster
	inst.Client = n.etcdClient()
	return inst, nil
}

// etcdClient reaches this machine's own member, as the distribution itself does.
func (n *node) etcdClient() etcd.Config {
	tls := n.serverDir("tls", "etcd")
	return etcd.Config{
		Endpoints: []string{n.etcdSettings().loopback()}, CACert: filepath.Join(tls, "server-ca.crt"),
		Cert: filepath.Join(tls, "client.crt"), Key: filepath.Join(tls, "client.key"),
	}
}

// distribution describes the machine. own is the address that etcd has, empty where there is none.
func (n *node) distribution(own string) (*v1alpha1.DistributionStatus, error) {
	name, err := n.name()
	if err != nil {
		return nil, err
	}
	s := &v1alpha1.DistributionStatus{
		NodeName: name, Joins: n.config.String("server", ""),
		Agentless: n.config.Bool("disable-agent"), SecretsEncryption: n.encryptsSecrets(),
	}
	s.Datastore, _ = n.datastore()
	if token, err := n.token(); err == nil {
		s.TokenDigest = TokenDigest(token)
	}
	if n.server() {
		if address := n.address(own); address != "" {
			s.JoinURL = n.supervisorAt(address)
		}
	}
	if s.Datastore == v1alpha1.DatastoreEtcd {
		s.Snapshots = n.snapshots()
	}
	return s, nil
}

// encryptsSecrets: rke2 always does.
func (n *node) encryptsSecrets() bool {
	return n.server() && (!n.flavour.NeedsInit || n.config.Bool("secrets-encryption"))
}

// address at which other machines reach this one, and no other: a shared name or a balancer might lead elsewhere.
func (n *node) address(own string) string {
	if own != "" {
		return own
	}
	for _, ip := range n.config.List("node-ip") {
		first, _, _ := strings.Cut(ip, ",")
		return first
	}
	ip, err := utilnet.ChooseHostInterface()
	if err != nil {
		return ""
	}
	return ip.String()
}

// Defaults of the distribution.
const (
	defaultCron      = "0 */12 * * *"
	defaultRetention = 5
)

// snapshots are the settings that the distribution takes snapshots by.
func (n *node) snapshots() *v1alpha1.DistributionSnapshots {
	s := &v1alpha1.DistributionSnapshots{
		Disabled: n.config.Bool(disableFlag), TakenOver: n.takenOver(),
		Cron:      n.config.String("etcd-snapshot-schedule-cron", defaultCron),
		Retention: defaultRetention, Dir: n.snapshotDir(), Compress: n.config.Bool("etcd-snapshot-compress"), S3: n.config.Bool("etcd-s3"),
	}
	if count, err := strconv.ParseInt(n.config.String("etcd-snapshot-retention", ""), 10, 32); err == nil {
		s.Retention = int32(count)
	}
	return s
}

// etcdSettings are what the distribution has told its etcd; empty before it has run, and while its data is set aside.
type etcdSettings struct {
	Name           string `json:"name"`
	PeerURLs       string `json:"initial-advertise-peer-urls"`
	InitialCluster string `json:"initial-cluster"`
	Listen         string `json:"listen-client-urls"`
}

func (n *node) etcdSettings() etcdSettings {
	var s etcdSettings
	if data, err := n.readFile(filepath.Join(n.etcdDir(), "config")); err != nil || yaml.Unmarshal(data, &s) != nil {
		return etcdSettings{}
	}
	return s
}

// address that the member's peers reach it at.
func (s etcdSettings) address() string {
	for _, raw := range splitURLs(s.PeerURLs) {
		if host := hostOf(raw); host != "" {
			return host
		}
	}
	return ""
}

// loopback is where clients on this machine reach the member: [::1] where there is no IPv4.
func (s etcdSettings) loopback() string {
	for _, raw := range splitURLs(s.Listen) {
		if u, err := url.Parse(raw); err == nil && u.Scheme == "https" {
			if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
				return raw
			}
		}
	}
	return "https://127.0.0.1:2379"
}
