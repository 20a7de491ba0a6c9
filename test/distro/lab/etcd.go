package lab

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	machines "github.com/holdfast-dev/holdfast/test/lab"
)

const etcdDialTimeout = 5 * time.Second

// Etcd reaches the members of a cluster from the host, whatever its servers say.
type Etcd struct {
	pair tls.Certificate
	cas  *x509.CertPool
}

// Etcd takes the certificate that the first server keeps for clients. The authority behind it stays the same through restores.
func (c *Cluster) Etcd() (*Etcd, error) {
	n, dir := c.cfg.Servers[0], filepath.Join(c.cfg.Flavor.DataDir(), "server", "tls", "etcd")
	var files [3][]byte
	for i, name := range []string{"client.crt", "client.key", "server-ca.crt"} {
		var err error
		if files[i], err = n.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("the certificate for clients of etcd on %s: %w", n.Name, err)
	}
	e := &Etcd{pair: pair, cas: x509.NewCertPool()}
	e.cas.AppendCertsFromPEM(files[2])
	return e, nil
}

// MemberClient connects the host to one member alone. The caller closes it.
func (e *Etcd) MemberClient(n *machines.Node) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: []string{"https://" + net.JoinHostPort(n.Address, "2379")}, DialTimeout: etcdDialTimeout, Logger: zap.NewNop(),
		TLS: &tls.Config{Certificates: []tls.Certificate{e.pair}, RootCAs: e.cas},
	})
}
