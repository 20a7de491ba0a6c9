package enroll

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// JoinConfig says whom to join and as what.
type JoinConfig struct {
	// Dir is where the identity is kept. It is made, readable by nobody else.
	Dir string
	// Server is the manager's URL: "https://holdfast.example.com:8443".
	Server string
	// Token as the manager gave it out.
	Token string
	// Machine is the name wanted.
	Machine string
	// Now is the clock.
	Now func() time.Time
}

// Join gets this machine an identity and keeps it. It can be repeated with the same token after a lost answer or a
// crash. A manager that says it is not ready, or does not answer, is asked again until ctx ends.
func Join(ctx context.Context, cfg JoinConfig) (*Client, error) {
	token, err := ParseJoinToken(cfg.Token)
	if err != nil {
		return nil, err
	}
	server, err := serverURL(cfg.Server)
	if err != nil {
		return nil, err
	}
	kept := store{cfg.Dir}
	key, err := kept.ownKey()
	if err != nil {
		return nil, fmt.Errorf("make the machine's key: %w", err)
	}
	csr, err := encodeCSR(key)
	if err != nil {
		return nil, err
	}
	c := newCaller(server, pinnedTLS(server.Hostname(), token.CAHash, cfg.Now))
	defer c.close()
	var identity Identity
	err = c.insist(ctx, PathEnroll, Request{Token: token.Text(), CSR: csr, Machine: cfg.Machine}, &identity)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", server, err)
	}
	if err := checkIdentity(identity, token.CAHash, cfg.Now()); err != nil {
		return nil, fmt.Errorf("join %s: %w", server, err)
	}
	if err := kept.save(server.String(), identity); err != nil {
		return nil, fmt.Errorf("keep the identity: %w", err)
	}
	return Open(cfg.Dir, cfg.Now)
}

func serverURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.User != nil {
		return nil, fmt.Errorf("%q is no manager's URL: it is https://HOST:PORT", text)
	}
	return u, nil
}

var errWrongManager = errors.New("it is not the manager that made the join token: no certificate that it shows has the hash in the token")

// pinnedTLS accepts a server whose certificate was signed by the CA with the given hash. The server sends that CA along.
func pinnedTLS(host, caHash string, now func() time.Time) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, with roots that are known only then
		VerifyConnection: func(state tls.ConnectionState) error {
			for _, cert := range state.PeerCertificates {
				if certificateHash(cert) != caHash {
					continue
				}
				roots := x509.NewCertPool()
				roots.AddCert(cert)
				_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now()})
				if err != nil {
					return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
				}
				return nil
			}
			return errWrongManager
		},
	}
}

// checkIdentity refuses an answer that could not be used: better now than at the first renewal.
func checkIdentity(identity Identity, caHash string, now time.Time) error {
	ca, err := decodeCertificate([]byte(identity.CA))
	if err != nil || certificateHash(ca) != caHash {
		return errors.New("the manager's answer holds another CA than the join token")
	}
	cert, err := decodeCertificate([]byte(identity.Certificate))
	if err != nil {
		return fmt.Errorf("the manager's answer: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := VerifyPeer(cert, roots, now, 0); err != nil {
		return fmt.Errorf("the certificate in the manager's answer (is this machine's clock right?): %w", err)
	}
	return nil
}

// temporary tells whether the same request may have another answer later.
func temporary(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}
