package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server/pki"
)

func TestACertificateHoldsForItsAuthorityHostsAndTimeOnly(t *testing.T) {
	right, wrong := authority(t), authority(t)
	loopback := pki.Leaf{CommonName: "server", Hosts: pki.Loopback()}
	expired := loopback
	expired.Expired = true
	client := pki.Leaf{CommonName: "client"}
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for name, c := range map[string]struct {
		leaf pki.Leaf
		opts x509.VerifyOptions
		want error
	}{
		"right":              {loopback, x509.VerifyOptions{Roots: right.Pool(), DNSName: "127.0.0.1", KeyUsages: server}, nil},
		"wrong authority":    {loopback, x509.VerifyOptions{Roots: wrong.Pool(), KeyUsages: server}, x509.UnknownAuthorityError{}},
		"expired":            {expired, x509.VerifyOptions{Roots: right.Pool(), KeyUsages: server}, x509.CertificateInvalidError{}},
		"other host":         {loopback, x509.VerifyOptions{Roots: right.Pool(), DNSName: "10.0.0.1", KeyUsages: server}, x509.HostnameError{}},
		"client as server":   {client, x509.VerifyOptions{Roots: right.Pool(), KeyUsages: server}, x509.CertificateInvalidError{}},
		"server as client":   {loopback, x509.VerifyOptions{Roots: right.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, nil},
		"client as a client": {client, x509.VerifyOptions{Roots: right.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := certificate(t, right, c.leaf).Verify(c.opts)
			if !sameType(err, c.want) {
				t.Errorf("got %v, want %T", err, c.want)
			}
		})
	}
}

func TestKeysAreForTheirOwnerOnly(t *testing.T) {
	files, err := authority(t).IssueFiles(t.TempDir(), "client", pki.Leaf{CommonName: "client"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := tls.LoadX509KeyPair(files.Cert, files.Key); err != nil {
		t.Error(err)
	}
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func certificate(t *testing.T, a *pki.Authority, l pki.Leaf) *x509.Certificate {
	t.Helper()
	pair, err := a.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Leaf
}

func sameType(got, want error) bool {
	switch want.(type) {
	case x509.UnknownAuthorityError:
		return errors.As(got, &x509.UnknownAuthorityError{})
	case x509.CertificateInvalidError:
		return errors.As(got, &x509.CertificateInvalidError{})
	case x509.HostnameError:
		return errors.As(got, &x509.HostnameError{})
	default:
		return got == nil
	}
}
