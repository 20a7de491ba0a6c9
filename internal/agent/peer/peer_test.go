package peer_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/agent/peer"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// authority signs identities as the manager does.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key, a.cert = sign(t, template, template, nil)
	return a
}

func sign(t *testing.T, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

type identity struct {
	cert       *tls.Certificate
	roots      *x509.CertPool
	membership enroll.Membership
}

func (i *identity) Certificate() *tls.Certificate { return i.cert }
func (i *identity) Roots() *x509.CertPool         { return i.roots }
func (i *identity) Membership() enroll.Membership { return i.membership }

func (a *authority) issue(t *testing.T, namespace, machine string) *identity {
	t.Helper()
	key, cert := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		URIs:        []*url.URL{{Scheme: "holdfast", Host: namespace, Path: "/" + machine}},
	}, a.cert, a.key)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &identity{
		cert: &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, roots: roots,
		membership: enroll.Membership{Machine: machine, Namespace: namespace},
	}
}

const uid = "u-1"

// serve offers data on machine m1 of namespace c1, for m2.
func serve(t *testing.T, a *authority, data []byte, sum string) string {
	t.Helper()
	dir := t.TempDir()
	j, err := step.Open(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	r := step.NewRunner(step.RunnerConfig{
		Journal: j, Now: time.Now, Log: slog.New(slog.DiscardHandler), Report: func(int64, []v1alpha1.PlanResult) {},
		Make: func(step.Request) (step.Step, error) { return nil, step.ErrUnknownKind },
	})
	if err := r.Run(t.Context(), v1alpha1.MachinePlanSpec{Serial: 1, Operation: &v1alpha1.PlanOperation{UID: uid}, Steps: []v1alpha1.PlanStep{
		{ID: "x", Deadline: metav1.NewTime(time.Now().Add(time.Hour))},
	}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "snapshot")
	offer, err := json.Marshal(restoring.Offer{Path: path, Machines: []string{"m2"}, SHA256: sum, Size: int64(len(data)), Manifest: []byte(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{path: data, filepath.Join(j.Dir(uid), "serve.note"): offer} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := peer.Listen(peer.ServerConfig{Address: "127.0.0.1:0", Identity: a.issue(t, "c1", "m1"), Journal: j, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return peer.URLs(uid, []string{"127.0.0.1"}, s.Port())[0]
}

func sample() ([]byte, string) {
	data := bytes.Repeat([]byte("holdfast"), 100_000)
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:])
}

func fetch(t *testing.T, as *identity, from, machine, file string) (manifest []byte, first int64, err error) {
	t.Helper()
	first = -1
	manifest, err = peer.Client{Identity: as, Now: time.Now}.Fetch(t.Context(), from, machine, file, func(done, _ int64) {
		if first < 0 {
			first = done
		}
	})
	return manifest, first, err
}

func TestASnapshotArrivesWholeWithItsManifest(t *testing.T) {
	a := newAuthority(t)
	data, sum := sample()
	from := serve(t, a, data, sum)
	for name, part := range map[string][]byte{"new": nil, "half of it was there": data[:len(data)/2], "more than it was there": append(data, 1)} {
		file := filepath.Join(t.TempDir(), "snapshot")
		if part != nil {
			if err := os.WriteFile(file+".part", part, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		manifest, first, err := fetch(t, a.issue(t, "c1", "m2"), from, "m1", file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) || string(manifest) != `{"a":1}` {
			t.Errorf("%s: %d bytes, %s, %v", name, len(got), manifest, err)
		}
		if strings.HasPrefix(name, "half") && first <= int64(len(part)) {
			t.Errorf("%s: it was fetched again", name)
		}
	}
}

func TestOnlyTheMachinesOfTheOfferGetIt(t *testing.T) {
	a := newAuthority(t)
	data, sum := sample()
	from := serve(t, a, data, sum)
	for name, as := range map[string]*identity{
		"another machine": a.issue(t, "c1", "m3"), "another cluster": a.issue(t, "c2", "m2"), "another authority": newAuthority(t).issue(t, "c1", "m2"),
	} {
		file := filepath.Join(t.TempDir(), "snapshot")
		if _, _, err := fetch(t, as, from, "m1", file); err == nil {
			t.Errorf("%s got it", name)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s has the file", name)
		}
	}
	if _, _, err := fetch(t, a.issue(t, "c1", "m2"), strings.Replace(from, uid, "u-2", 1), "m1", filepath.Join(t.TempDir(), "x")); err == nil {
		t.Error("another operation's snapshot was served")
	}
}

func TestAMachineThatIsAnotherThanItShouldBeIsNotBelieved(t *testing.T) {
	a := newAuthority(t)
	data, sum := sample()
	if _, _, err := fetch(t, a.issue(t, "c1", "m2"), serve(t, a, data, sum), "m9", filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), "not m9") {
		t.Errorf("got %v", err)
	}
}

func TestBytesThatDoNotHaveTheirHashAreThrownAway(t *testing.T) {
	a := newAuthority(t)
	data, _ := sample()
	file := filepath.Join(t.TempDir(), "x")
	if _, _, err := fetch(t, a.issue(t, "c1", "m2"), serve(t, a, data, strings.Repeat("0", 64)), "m1", file); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is there")
	}
}
