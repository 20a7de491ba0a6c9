// Package pki makes the certificates that test servers and their clients show each other: right ones, expired ones,
// and ones of an authority that nobody trusts.
//
// It is for tests alone: keys are small, made anew each time and written without a passphrase. Start reading at [New].
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority with a key of its own. Two authorities of one name do not trust each other.
func New(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(10 * 365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{cert: cert, key: key}, nil
}

// CertPEM is the authority's own certificate.
func (a *Authority) CertPEM() []byte { return encode("CERTIFICATE", a.cert.Raw) }

// Pool holds the authority alone, for a tls.Config.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// WriteCert writes the authority's certificate and returns the path.
func (a *Authority) WriteCert(path string) (string, error) {
	return path, write(path, a.CertPEM(), 0o644)
}

// Leaf describes a certificate to issue.
type Leaf struct {
	// CommonName is what etcd takes for the user's name.
	CommonName string
	// Organization is what Kubernetes takes for the user's group.
	Organization string
	// Hosts are DNS names and IP addresses. None: it is no server's certificate.
	Hosts []string
	// Expired gives it a validity that ended an hour ago.
	Expired bool
}

// Pair is a certificate and its key, in PEM.
type Pair struct {
	Cert, Key []byte
}

// Issue signs a certificate. It serves as client certificate, and with Hosts as server certificate too: etcd's members
// are both to each other.
func (a *Authority) Issue(l Leaf) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	template := l.template()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign %s: %w", l.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", keyDER)}, nil
}

func (l Leaf) template() *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: l.CommonName},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if l.Organization != "" {
		t.Subject.Organization = []string{l.Organization}
	}
	if l.Expired {
		t.NotAfter = time.Now().Add(-time.Hour)
	}
	if len(l.Hosts) > 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range l.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return t
}

// Files names a pair's files.
type Files struct {
	Cert, Key string
}

// Write puts the pair into dir as NAME.crt and NAME.key (0600).
func (p Pair) Write(dir, name string) (Files, error) {
	f := Files{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	if err := write(f.Cert, p.Cert, 0o644); err != nil {
		return Files{}, err
	}
	return f, write(f.Key, p.Key, 0o600)
}

// IssueFiles is Issue and Write in one.
func (a *Authority) IssueFiles(dir, name string, l Leaf) (Files, error) {
	pair, err := a.Issue(l)
	if err != nil {
		return Files{}, err
	}
	return pair.Write(dir, name)
}

// Loopback are the names of the local machine, for Leaf.Hosts.
func Loopback() []string { return []string{"127.0.0.1", "::1", "localhost"} }

func write(path string, data []byte, perm os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, perm)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// serial is random: two certificates with one serial confuse what caches them.
func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand never fails on the systems that we run on
	}
	return n
}
