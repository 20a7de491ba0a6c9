package etcd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// tlsConfig returns nil when no option asks for TLS; endpoints that say https are then checked against the system's
// CAs.
func (c *Config) tlsConfig() (*tls.Config, error) {
	name := c.TLSServerName
	if name == "" && !c.InsecureDiscovery {
		name = c.DiscoverySRV
	}
	if c.CACert == "" && c.Cert == "" && c.Key == "" && name == "" && c.InsecureTransport && !c.InsecureSkipTLSVerify {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, InsecureSkipVerify: c.InsecureSkipTLSVerify}
	if c.CACert != "" {
		pool, err := loadCA(c.CACert)
		if err != nil {
			return nil, err
		}
		t.RootCAs = pool
	}
	if c.Cert == "" && c.Key == "" {
		return t, nil
	}
	certFile, keyFile := c.Cert, c.Key
	if _, err := loadKeyPair(certFile, keyFile); err != nil {
		return nil, err
	}
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return loadKeyPair(certFile, keyFile)
	}
	return t, nil
}

// loadCA refuses a file with no certificate in it, or with a broken one: either would only show as an untrusted server
// later.
func loadCA(file string) (*x509.CertPool, error) {
	const op = "read the CA certificates in"
	data, err := readFile(op, file, "--cacert")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	found := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fileProblem(op, file, "one of them is malformed", "", err)
		}
		pool.AddCert(cert)
		found++
	}
	if found == 0 {
		return nil, fileProblem(op, file, "there is no PEM certificate in it", "check --cacert", nil)
	}
	return pool, nil
}

func loadKeyPair(certFile, keyFile string) (*tls.Certificate, error) {
	switch {
	case certFile == "":
		return nil, usage("a client key is given without its certificate", "name the certificate with --cert")
	case keyFile == "":
		return nil, usage("a client certificate is given without its key", "name the key with --key")
	}
	const opCert, opKey = "read the client certificate", "read the key of the client certificate"
	cert, err := readFile(opCert, certFile, "--cert")
	if err != nil {
		return nil, err
	}
	key, err := readFile(opKey, keyFile, "--key")
	if err != nil {
		return nil, err
	}
	switch {
	case !hasBlock(cert, "CERTIFICATE"):
		return nil, fileProblem(opCert, certFile, "there is no PEM certificate in it", "check --cert", nil)
	case hasBlock(key, "ENCRYPTED PRIVATE KEY") || bytes.Contains(key, []byte("DEK-Info:")):
		return nil, fileProblem(opKey, keyFile, "it is protected with a passphrase", "etcd clients need it without one", nil)
	case !hasBlock(key, "PRIVATE KEY"):
		return nil, fileProblem(opKey, keyFile, "there is no PEM private key in it", "check --key", nil)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fileProblem(opCert, certFile, "", "check that --cert and --key belong together", err)
	}
	return &pair, nil
}

// hasBlock says whether a PEM file has a block whose type ends so: keys are "RSA PRIVATE KEY", "EC PRIVATE KEY", …
func hasBlock(data []byte, suffix string) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, suffix) {
			return true
		}
	}
	return false
}

func readFile(op, file, setting string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.File(op, file, setting, err)
	}
	return data, nil
}

func fileProblem(op, file, why, next string, err error) error {
	return &problem.Error{Kind: problem.Usage, Op: op, Subject: file, Why: why, Next: next, Err: err}
}
