// Package etcd runs a server's member: the stock etcd of the Kubernetes minor, with the directories, names, ports and
// certificates of the distributions (surface 1).
package etcd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/distro/child"
)

// Loopback is where clients on the machine itself connect.
const Loopback = "https://127.0.0.1:2379"

// Member is a server's etcd. Its fields are set once.
type Member struct {
	// Dir is <data>/server/db/etcd, Certs <data>/server/tls/etcd.
	Dir, Certs string
	// NodeName begins the member's name; NodeIP is its address.
	NodeName, NodeIP string
	// Tools holds etcd-MINOR and etcdutl-MINOR; Minor is "3.6".
	Tools, Minor string
	// Args are etcd-arg settings: key=value.
	Args []string
	// ExposeMetrics listens for metrics on the node's address too.
	ExposeMetrics bool
	Runner        child.Runner
}

// Start says as what a member starts.
type Start struct {
	// Cluster is the initial cluster, of a member that joins: name=URL,…; "": it is alone.
	Cluster string
	// Reset makes a cluster of one out of what is there, on loopback.
	Reset bool
}

// Initialized reports whether there is a database.
func (m *Member) Initialized() bool {
	_, err := os.Stat(filepath.Join(m.Dir, "member", "wal"))
	return err == nil
}

// Name is the member's name. It is made once, and anew after the file was removed.
func (m *Member) Name() (string, error) {
	path := filepath.Join(m.Dir, "name")
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return m.Rename()
}

// Rename gives the member a new name, as a reset does.
func (m *Member) Rename() (string, error) {
	random := make([]byte, 4)
	rand.Read(random)
	name := m.NodeName + "-" + hex.EncodeToString(random)
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(m.Dir, "name"), []byte(name), 0o600)
}

// PeerURL is where the other members find this one.
func (m *Member) PeerURL() string { return "https://" + m.NodeIP + ":2380" }

// ClientURL is where clients on other machines find it.
func (m *Member) ClientURL() string { return "https://" + m.NodeIP + ":2379" }

// Run starts the member. It returns when the program runs.
func (m *Member) Run(ctx context.Context, s Start) (child.Process, error) {
	name, err := m.Name()
	if err != nil {
		return nil, err
	}
	settings := m.config(name, s)
	config, err := yaml.Marshal(settings)
	if err != nil {
		return nil, err
	}
	// What counts at the first start alone must not end a pod at the second.
	delete(settings, "initial-cluster")
	delete(settings, "initial-cluster-state")
	lasting, err := yaml.Marshal(settings)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(lasting)
	path := filepath.Join(m.Dir, "config")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, err
	}
	return m.Runner.Start(ctx, child.Program{Name: "etcd", Path: m.tool("etcd"), Args: []string{"--config-file=" + path},
		Hash: hex.EncodeToString(sum[:])})
}

func (m *Member) tool(name string) string { return filepath.Join(m.Tools, name+"-"+m.Minor) }

func (m *Member) config(name string, s Start) map[string]any {
	listenClient, listenPeer, metrics := Loopback+","+m.ClientURL(), "https://127.0.0.1:2380,"+m.PeerURL(), "http://127.0.0.1:2381"
	advertise := m.ClientURL()
	if s.Reset {
		listenClient, listenPeer, advertise = Loopback, "https://127.0.0.1:2380", Loopback
	} else if m.ExposeMetrics {
		metrics += ",http://" + m.NodeIP + ":2381"
	}
	config := map[string]any{
		"name": name, "data-dir": m.Dir, "logger": "zap", "log-outputs": []string{"stderr"}, "log-level": "warn",
		"listen-client-urls": listenClient, "advertise-client-urls": advertise,
		"listen-client-http-urls": "https://127.0.0.1:2382",
		"listen-peer-urls":        listenPeer, "initial-advertise-peer-urls": m.PeerURL(),
		"listen-metrics-urls": metrics,
		"initial-cluster":     name + "=" + m.PeerURL(), "initial-cluster-state": "new",
		"heartbeat-interval": 500, "election-timeout": 5000, "snapshot-count": 10000, "force-new-cluster": s.Reset,
		"client-transport-security": m.security("server-client", "server-ca"),
		"peer-transport-security":   m.security("peer-server-client", "peer-ca"),
	}
	if s.Cluster != "" {
		config["initial-cluster"], config["initial-cluster-state"] = s.Cluster, "existing"
	}
	for _, arg := range m.Args {
		key, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		var parsed any
		if yaml.Unmarshal([]byte(value), &parsed) != nil {
			parsed = value
		}
		config[key] = parsed
	}
	return config
}

func (m *Member) security(pair, ca string) map[string]any {
	return map[string]any{
		"cert-file": filepath.Join(m.Certs, pair+".crt"), "key-file": filepath.Join(m.Certs, pair+".key"),
		"trusted-ca-file": filepath.Join(m.Certs, ca+".crt"), "client-cert-auth": true,
	}
}

// Client connects to members with the certificate that the distributions keep for clients. Without endpoints it is this one.
func (m *Member) Client(endpoints ...string) (*clientv3.Client, error) {
	if len(endpoints) == 0 {
		endpoints = []string{Loopback}
	}
	config, err := m.clientTLS()
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

func (m *Member) clientTLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(m.Certs, "client.crt"), filepath.Join(m.Certs, "client.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(m.Certs, "server-ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(m.Certs, "server-ca.crt"))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}
