package s3_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

func TestSettingsThatCannotWorkAreRefusedWithTheReason(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := s3.NewSecret("secret")
	for reason, change := range map[string]func(*s3.Config){
		"bucket":              func(c *s3.Config) { c.Bucket = "" },
		`bucket "a/b"`:        func(c *s3.Config) { c.Bucket = "a/b" },
		"folder":              func(c *s3.Config) { c.Prefix = "a//b" },
		"without https://":    func(c *s3.Config) { c.Endpoint = "https://minio:9000" },
		"no host":             func(c *s3.Config) { c.Endpoint = "minio:9000/path" },
		"write [2001:db8::1]": func(c *s3.Config) { c.Endpoint = "2001:db8::1" },
		"no port 99999":       func(c *s3.Config) { c.Endpoint = "minio:99999" },
		"auto, dns or path":   func(c *s3.Config) { c.Lookup = "virtual" },
		"no parts below":      func(c *s3.Config) { c.PartSize = 1 << 20 },
		"at least one":        func(c *s3.Config) { c.Parallel = -1 },
		"exclude each other":  func(c *s3.Config) { c.Insecure, c.SkipTLSVerify = true, true },
		"no such file":        func(c *s3.Config) { c.CAFile = notPEM + ".not" },
		"no PEM certificate":  func(c *s3.Config) { c.CAFile = notPEM },
		"the CA certificate":  func(c *s3.Config) { c.CAPEM = []byte("nonsense") },
		"one is missing":      func(c *s3.Config) { c.SecretKey = s3.Secret{} },
		"belong together":     func(c *s3.Config) { c.AccessKey = "" },
		"a provider":          func(c *s3.Config) { c.Provider = s3.NewChain("") },
	} {
		cfg := s3.Config{Bucket: "backups", Endpoint: "minio:9000", AccessKey: "id", SecretKey: secret}
		change(&cfg)
		if _, err := s3.New(cfg); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("New: %v, want an error that says %q", err, reason)
		}
	}
}

func TestSettingsThatWorkAreTaken(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, test := range map[string]struct {
		cfg      s3.Config
		location string
	}{
		"only a bucket":   {s3.Config{Bucket: "backups"}, "s3://backups/"},
		"Amazon, region":  {s3.Config{Bucket: "backups", Region: "eu-west-1"}, "s3://backups/"},
		"folder, slashes": {s3.Config{Bucket: "backups", Prefix: "/a/b/"}, "s3://backups/a/b"},
		"IPv6":            {s3.Config{Bucket: "backups", Endpoint: "[::1]:9000", CAPEM: ca}, "s3://backups/"},
		"plain http":      {s3.Config{Bucket: "backups", Endpoint: "minio", Insecure: true}, "s3://backups/"},
		"keys":            {s3.Config{Bucket: "backups", AccessKey: "id", SecretKey: s3.NewSecret("x")}, "s3://backups/"},
	} {
		store, err := s3.New(test.cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := store.Location(""); got != test.location {
			t.Errorf("%s: Location %s, want %s", name, got, test.location)
		}
	}
}

func TestACertificateOfAnotherHostIsNotTrusted(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	store, err := s3.New(s3.Config{
		Bucket: "backups", Endpoint: strings.Replace(strings.TrimPrefix(server.URL, "https://"), "127.0.0.1", "localhost", 1),
		CAPEM: ca, Region: "r", AccessKey: "id", SecretKey: s3.NewSecret("x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for call, err := range calls(t.Context(), store) {
		if !errors.Is(err, blob.ErrTLS) || !strings.Contains(err.Error(), "localhost") {
			t.Errorf("%s: %v, want ErrTLS with the name", call, err)
		}
	}
}

func TestTheEnvironmentsProxyIsUsed(t *testing.T) {
	var asked atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Host)
		says(http.StatusForbidden, "AccessDenied", "")(w, r)
	}))
	defer server.Close()
	for without, want := range map[string]error{"": blob.ErrDenied, "minio.invalid": nil} {
		t.Setenv("HTTP_PROXY", server.URL)
		t.Setenv("NO_PROXY", without)
		store, err := s3.New(s3.Config{
			Bucket: "backups", Endpoint: "minio.invalid:9000", Insecure: true, Region: "r", AccessKey: "id", SecretKey: s3.NewSecret("x"),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		asked.Store("")
		err = store.Delete(t.Context(), "a")
		if want != nil && (!errors.Is(err, want) || asked.Load() != "minio.invalid:9000") {
			t.Errorf("Delete: %v, the proxy was asked for %q", err, asked.Load())
		}
		if want == nil && (err == nil || asked.Load() != "") {
			t.Errorf("Delete without the proxy: %v, it was asked for %q", err, asked.Load())
		}
	}
}

func TestNamesAreClaimedAtomicallyOnlyWhereThatIsKnown(t *testing.T) {
	for endpoint, want := range map[string]bool{"": true, "s3.eu-west-1.amazonaws.com": true, "minio:9000": false} {
		store, err := s3.New(s3.Config{Bucket: "backups", Endpoint: endpoint})
		if err != nil {
			t.Fatal(err)
		}
		if got := store.Features(); got != (blob.Features{Metadata: true, AtomicIfAbsent: want}) {
			t.Errorf("endpoint %q: %+v, want AtomicIfAbsent %v", endpoint, got, want)
		}
	}
}
