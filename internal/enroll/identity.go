package enroll

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// identityScheme of the URI in an agent's certificate.
const identityScheme = "holdfast"

// Peer is whom a certificate speaks for.
type Peer struct {
	Namespace, Machine string
	// KeyHash of the certificate's key. It must be the one that the Machine is annotated with.
	KeyHash string
}

// issueIdentity certifies a machine's key. The certificate serves as a client's and as a server's: agents fetch
// snapshots from each other.
func (a *Authority) issueIdentity(namespace, machine string, key crypto.PublicKey) ([]byte, error) {
	name := pkix.Name{CommonName: fmt.Sprintf("machine:%s:%s", namespace, machine)}
	if len(name.CommonName) > 64 { // the limit of X.509; who it is stands in the URI
		name.CommonName = name.CommonName[:64]
	}
	template, err := newTemplate(name, a.now(), identityLife)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	template.URIs = []*url.URL{{Scheme: identityScheme, Host: namespace, Path: "/" + machine}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
	if err != nil {
		return nil, err
	}
	return encodeCertificate(der), nil
}

// VerifyPeer says whom a certificate speaks for, if roots signed it for a machine and it has not ended by more than
// grace. Agents that judge each other give no grace. Whether the machine still exists, it can't know.
func VerifyPeer(cert *x509.Certificate, roots *x509.CertPool, now time.Time, grace time.Duration) (Peer, error) {
	at := now
	if now.After(cert.NotAfter) && !now.After(cert.NotAfter.Add(grace)) {
		at = cert.NotAfter
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Peer{}, err
	}
	if len(cert.URIs) != 1 || cert.URIs[0].Scheme != identityScheme {
		return Peer{}, errors.New("it is not a machine's certificate")
	}
	p := Peer{Namespace: cert.URIs[0].Host, Machine: strings.TrimPrefix(cert.URIs[0].Path, "/")}
	if p.Namespace == "" || p.Machine == "" {
		return Peer{}, errors.New("it names no machine")
	}
	p.KeyHash, err = keyHash(cert.PublicKey)
	return p, err
}
