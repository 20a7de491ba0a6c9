// Package kube connects a server to its own kube-apiserver, or to another server's.
package kube

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Clients are what controllers use.
type Clients struct {
	kubernetes.Interface
	Dynamic dynamic.Interface
}

// Files are a client's certificate and the authority of servers.
type Files struct{ CA, Cert, Key string }

// Supervisor is the identity that a server has in its directory of certificates.
func Supervisor(tlsDir string) Files {
	in := func(name string) string { return filepath.Join(tlsDir, name) }
	return Files{CA: in("server-ca.crt"), Cert: in("client-supervisor.crt"), Key: in("client-supervisor.key")}
}

// Connect makes clients; nothing is sent yet.
func Connect(host string, f Files) (*Clients, error) {
	config := &rest.Config{Host: host, QPS: 50, Burst: 100, Timeout: 15 * time.Second,
		TLSClientConfig: rest.TLSClientConfig{CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key}}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	other, err := dynamic.NewForConfig(config)
	return &Clients{Interface: typed, Dynamic: other}, err
}

// Ready is nil when the server says that it is.
func (c *Clients) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := c.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	return nil
}
