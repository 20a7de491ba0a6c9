package enroll

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// ErrNotJoined: the directory holds no identity. The machine has to join first.
var ErrNotJoined = errors.New("this machine has not joined a manager")

// store is the directory that an identity is kept in, 0700. The file about is written last: while it is missing, the
// machine has not joined.
type store struct{ dir string }

func (s store) key() string         { return filepath.Join(s.dir, "key.pem") }
func (s store) certificate() string { return filepath.Join(s.dir, "cert.pem") }
func (s store) ca() string          { return filepath.Join(s.dir, "ca.pem") }
func (s store) about() string       { return filepath.Join(s.dir, "identity.json") }

// Membership is what a machine knows of where it belongs.
type Membership struct {
	// Server is the manager's URL.
	Server string `json:"server"`
	// Machine and Namespace of the machine's objects, and the Cluster that it belongs to.
	Machine   string `json:"machine"`
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster"`
}

// ownKey returns the machine's key, and makes it the first time. It is on disk before anybody is asked to certify it: if
// the answer is lost, the request can be repeated with the same key.
func (s store) ownKey() (*ecdsa.PrivateKey, error) {
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.key())
	if err == nil {
		key, err := decodeKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.key(), err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if text, err = encodeKey(key); err != nil {
		return nil, err
	}
	return key, durable.WriteFile(s.key(), text, 0o600)
}

func (s store) save(server string, identity Identity) error {
	if err := s.saveCertificate(identity); err != nil {
		return err
	}
	text, err := json.MarshalIndent(Membership{Server: server, Machine: identity.Machine, Namespace: identity.Namespace, Cluster: identity.Cluster}, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(s.about(), append(text, '\n'), 0o600)
}

func (s store) saveCertificate(identity Identity) error {
	if err := durable.WriteFile(s.ca(), []byte(identity.CA), 0o600); err != nil {
		return err
	}
	return durable.WriteFile(s.certificate(), []byte(identity.Certificate), 0o600)
}

// credentials are what a directory holds, read and checked against each other.
type credentials struct {
	membership  Membership
	certificate *tls.Certificate
	ca          []byte
	roots       *x509.CertPool
}

func (s store) load() (*credentials, error) {
	text, err := os.ReadFile(s.about())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, err
	}
	c := &credentials{}
	if err := json.Unmarshal(text, &c.membership); err != nil {
		return nil, fmt.Errorf("%s: %w", s.about(), err)
	}
	pair, err := tls.LoadX509KeyPair(s.certificate(), s.key())
	if err != nil {
		return nil, fmt.Errorf("the identity in %s: %w", s.dir, err)
	}
	c.certificate = &pair
	if c.ca, err = os.ReadFile(s.ca()); err != nil {
		return nil, err
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(c.ca) {
		return nil, fmt.Errorf("%s holds no certificate", s.ca())
	}
	return c, nil
}
