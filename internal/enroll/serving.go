package enroll

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"sync"
	"time"
)

const (
	// servingLife is short because nobody has to do anything for the next one.
	servingLife = 90 * 24 * time.Hour
	// servingRenewal is how long before the end a certificate is replaced.
	servingRenewal = 30 * 24 * time.Hour
)

// ServingTLS is how the manager's port is served: with a certificate for the given host names and addresses, which is
// made anew before it ends. Client certificates are asked for and not judged, because an ended one may still renew
// itself: handlers judge them.
func (a *Authority) ServingTLS(addresses []string) *tls.Config {
	s := &servingCertificate{authority: a, addresses: addresses}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.get() },
		ClientAuth:     tls.RequestClientCert,
		// A browser offers its user only certificates of this CA, so none.
		ClientCAs: a.Pool(),
	}
}

type servingCertificate struct {
	authority *Authority
	addresses []string

	mu      sync.Mutex
	current *tls.Certificate
}

func (s *servingCertificate) get() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.authority.now()
	// A clock that was wrong when the certificate was made is no reason to serve one that nobody takes.
	if s.current != nil && now.After(s.current.Leaf.NotBefore) && now.Before(s.current.Leaf.NotAfter.Add(-servingRenewal)) {
		return s.current, nil
	}
	issued, err := s.authority.issueServing(s.addresses, now)
	if err != nil {
		return nil, err
	}
	s.current = issued
	return issued, nil
}

func (a *Authority) issueServing(addresses []string, now time.Time) (*tls.Certificate, error) {
	template, err := newTemplate(pkix.Name{CommonName: "holdfast-server"}, now, servingLife)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, address := range addresses {
		if ip := net.ParseIP(address); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, address)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, a.serving.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// The CA goes along: a machine that joins knows only its hash.
	return &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: a.serving, Leaf: leaf}, nil
}
