package etcd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestEachBadCertificateFileIsNamedWithItsFault(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "client", nil)
	_, otherKey := ca.issue(t, "other", nil)
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	garbage := file("garbage", "not PEM")
	broken := file("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	locked := file("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	directory := t.TempDir()
	for _, c := range []struct {
		name string
		cfg  Config
		kind problem.Kind
		want string
	}{
		{
			"no CA file", Config{CACert: "/no/ca.crt"}, problem.NotFound,
			"read the CA certificates in /no/ca.crt: no such file or directory (correct --cacert)",
		},
		{
			"CA is a directory", Config{CACert: directory}, problem.Usage,
			"read the CA certificates in " + directory + ": is a directory (correct --cacert)",
		},
		{
			"CA without certificate", Config{CACert: key}, problem.Usage,
			"read the CA certificates in " + key + ": there is no PEM certificate in it (check --cacert)",
		},
		{
			"CA not PEM", Config{CACert: garbage}, problem.Usage,
			"read the CA certificates in " + garbage + ": there is no PEM certificate in it (check --cacert)",
		},
		{
			"CA malformed", Config{CACert: broken}, problem.Usage,
			"read the CA certificates in " + broken + ": one of them is malformed: x509: malformed certificate",
		},
		{
			"no certificate file", Config{Cert: "/no/client.crt", Key: key}, problem.NotFound,
			"read the client certificate /no/client.crt: no such file or directory (correct --cert)",
		},
		{
			"no key file", Config{Cert: cert, Key: "/no/client.key"}, problem.NotFound,
			"read the key of the client certificate /no/client.key: no such file or directory (correct --key)",
		},
		{
			"certificate and key swapped", Config{Cert: key, Key: cert}, problem.Usage,
			"read the client certificate " + key + ": there is no PEM certificate in it (check --cert)",
		},
		{
			"certificate in place of the key", Config{Cert: cert, Key: cert}, problem.Usage,
			"read the key of the client certificate " + cert + ": there is no PEM private key in it (check --key)",
		},
		{
			"encrypted key", Config{Cert: cert, Key: locked}, problem.Usage,
			"read the key of the client certificate " + locked + ": it is protected with a passphrase (etcd clients need it without one)",
		},
		{
			"another certificate's key", Config{Cert: cert, Key: otherKey}, problem.Usage,
			"read the client certificate " + cert + ": tls: private key does not match public key (check that --cert and --key belong together)",
		},
	} {
		c.cfg.Endpoints = []string{"https://127.0.0.1:1"}
		_, err := Dial(t.Context(), c.cfg)
		if err == nil || told(err) != c.want || problem.KindOf(err) != c.kind {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestAnUnreadableCertificateFileIsARightsProblem(t *testing.T) {
	cert, key := newAuthority(t, "ca").issue(t, "client", nil)
	if err := os.Chmod(cert, 0); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), Config{Endpoints: []string{"https://127.0.0.1:1"}, Cert: cert, Key: key})
	if os.Geteuid() == 0 { // root may read everything: give it the error that others get
		err = problem.File("read the client certificate", cert, "--cert", &os.PathError{Op: "open", Path: cert, Err: syscall.EACCES})
	}
	want := "read the client certificate " + cert + ": permission denied (run as a user who may read it)"
	if err == nil || told(err) != want || problem.KindOf(err) != problem.Denied || !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestARenewedClientCertificateIsUsedWithoutANewClient(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "client", nil)
	cfg := Config{Cert: cert, Key: key}
	secured, err := cfg.tlsConfig()
	if err != nil {
		t.Fatal(err)
	}
	before, err := secured.GetClientCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	ca.issue(t, "client", nil) // same files
	after, err := secured.GetClientCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before.Certificate[0], after.Certificate[0]) {
		t.Error("the old certificate is still used")
	}
}

func TestTLSIsChosenAsEtcdctlDoes(t *testing.T) {
	ca := newAuthority(t, "ca")
	for _, c := range []struct {
		name string
		cfg  Config
		want bool
	}{
		{"defaults", Defaults(), false},
		{"CA", Config{InsecureTransport: true, InsecureDiscovery: true, CACert: ca.file}, true},
		{"skip verification", Config{InsecureTransport: true, InsecureDiscovery: true, InsecureSkipTLSVerify: true}, true},
		{"secure transport", Config{InsecureDiscovery: true}, true},
		{"server name", Config{InsecureTransport: true, InsecureDiscovery: true, TLSServerName: "etcd"}, true},
		{"secure discovery", Config{InsecureTransport: true, DiscoverySRV: "example.com"}, true},
	} {
		got, err := c.cfg.tlsConfig()
		if err != nil || (got != nil) != c.want {
			t.Errorf("%s: got %v, error %v", c.name, got, err)
		}
	}
}
