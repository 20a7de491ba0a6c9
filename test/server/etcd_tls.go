package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/test/server/pki"
)

// EtcdTLS names the files of a cluster's certificates. All are PEM; keys are 0600.
type EtcdTLS struct {
	// CA is the authority of everything right below.
	CA string
	// Cert and Key are a client's.
	Cert, Key string
	// ServerCert and ServerKey are the members', for clients and for each other.
	ServerCert, ServerKey string
	// WrongCA is an authority that the cluster does not know, and WrongCert, WrongKey a client's pair signed by it.
	WrongCA, WrongCert, WrongKey string
	// ExpiredCert and ExpiredKey are a client's pair of the right authority whose time is over.
	ExpiredCert, ExpiredKey string
}

func newEtcdTLS(dir string) (*EtcdTLS, error) {
	right, err := pki.New("etcd-test-ca")
	if err != nil {
		return nil, err
	}
	wrong, err := pki.New("some-other-ca")
	if err != nil {
		return nil, err
	}
	t := &EtcdTLS{CA: filepath.Join(dir, "ca.crt"), WrongCA: filepath.Join(dir, "wrong-ca.crt")}
	if _, err := right.WriteCert(t.CA); err != nil {
		return nil, err
	}
	if _, err := wrong.WriteCert(t.WrongCA); err != nil {
		return nil, err
	}
	for _, leaf := range []struct {
		by        *pki.Authority
		name      string
		leaf      pki.Leaf
		cert, key *string
	}{
		{right, "client", pki.Leaf{CommonName: "client"}, &t.Cert, &t.Key},
		{right, "server", pki.Leaf{CommonName: "server", Hosts: pki.Loopback()}, &t.ServerCert, &t.ServerKey},
		{right, "expired", pki.Leaf{CommonName: "client", Expired: true}, &t.ExpiredCert, &t.ExpiredKey},
		{wrong, "wrong", pki.Leaf{CommonName: "client"}, &t.WrongCert, &t.WrongKey},
	} {
		files, err := leaf.by.IssueFiles(dir, leaf.name, leaf.leaf)
		if err != nil {
			return nil, err
		}
		*leaf.cert, *leaf.key = files.Cert, files.Key
	}
	return t, nil
}

// Config is a client's TLS configuration with the right certificate.
func (t *EtcdTLS) Config() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	pool, err := loadPool(t.CA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

func (t *EtcdTLS) args() []string {
	return []string{
		"--cert-file=" + t.ServerCert, "--key-file=" + t.ServerKey,
		"--trusted-ca-file=" + t.CA, "--client-cert-auth",
		"--peer-cert-file=" + t.ServerCert, "--peer-key-file=" + t.ServerKey,
		"--peer-trusted-ca-file=" + t.CA, "--peer-client-cert-auth",
	}
}

func loadPool(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
