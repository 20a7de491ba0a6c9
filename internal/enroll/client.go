package enroll

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Client is a machine that has joined: it has an identity and knows its manager. It may be used by several goroutines.
type Client struct {
	store      store
	now        func() time.Time
	caller     *caller
	membership Membership
	ca         []byte
	roots      *x509.CertPool

	mu          sync.Mutex
	certificate *tls.Certificate
}

// Open reads the identity that Join left in dir. It returns ErrNotJoined if there is none.
func Open(dir string, now func() time.Time) (*Client, error) {
	kept, err := store{dir}.load()
	if err != nil {
		return nil, err
	}
	server, err := serverURL(kept.membership.Server)
	if err != nil {
		return nil, err
	}
	c := &Client{
		store: store{dir}, now: now, membership: kept.membership,
		ca: kept.ca, roots: kept.roots, certificate: kept.certificate,
	}
	c.caller = newCaller(server, &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: c.roots, Time: now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.Certificate(), nil },
	})
	return c, nil
}

// Membership of this machine.
func (c *Client) Membership() Membership { return c.membership }

// Certificate that this machine shows, to the manager and to other agents.
func (c *Client) Certificate() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.certificate
}

// Roots holds the manager's CA, which signed the certificates of all agents too.
func (c *Client) Roots() *x509.CertPool { return c.roots }

// RenewalDue tells whether the certificate is in the last third of its life.
func (c *Client) RenewalDue() bool {
	leaf := c.Certificate().Leaf
	return c.now().After(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3))
}

// Renew gets a certificate with a later end. The former one stays good until its own end, so a failure costs nothing.
func (c *Client) Renew(ctx context.Context) error {
	key, is := c.Certificate().PrivateKey.(*ecdsa.PrivateKey)
	if !is {
		return errors.New("renew the machine's certificate: its key is not ECDSA")
	}
	csr, err := encodeCSR(key)
	if err != nil {
		return err
	}
	var identity Identity
	if err := c.caller.call(ctx, PathRenew, RenewRequest{CSR: csr}, &identity); err != nil {
		return fmt.Errorf("renew the machine's certificate: %w", err)
	}
	cert, err := decodeCertificate([]byte(identity.Certificate))
	if err != nil {
		return fmt.Errorf("renew the machine's certificate: the manager's answer: %w", err)
	}
	if _, err := VerifyPeer(cert, c.roots, c.now(), 0); err != nil {
		return fmt.Errorf("renew the machine's certificate: the manager's answer (is this machine's clock right?): %w", err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return errors.New("renew the machine's certificate: the manager's answer is for another key")
	}
	if err := c.store.saveCertificate(identity); err != nil {
		return fmt.Errorf("keep the renewed certificate: %w", err)
	}
	c.mu.Lock()
	c.certificate = &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	c.mu.Unlock()
	c.caller.close() // the next connection shows the new one
	return nil
}

// token gets a token for the API.
func (c *Client) token(ctx context.Context) (Token, error) {
	var t Token
	if err := c.caller.call(ctx, PathToken, struct{}{}, &t); err != nil {
		return Token{}, fmt.Errorf("get a token for the API: %w", err)
	}
	if t.Token == "" {
		return Token{}, errors.New("get a token for the API: the manager's answer holds none")
	}
	return t, nil
}
