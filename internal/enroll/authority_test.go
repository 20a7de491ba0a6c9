package enroll

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// clock that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newAuthority(t *testing.T, c *clock) *Authority {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(context.Background(), fake.NewClientBuilder().WithScheme(scheme).Build(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheServingCertificateIsMadeAnewBeforeItEnds(t *testing.T) {
	c := &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	a := newAuthority(t, c)
	config := a.ServingTLS([]string{"holdfast.example.com", "10.0.0.1"})
	first := serve(t, config)
	c.at = c.at.Add(servingLife - servingRenewal - time.Minute)
	if serve(t, config) != first {
		t.Error("it was made anew before it was due")
	}
	c.at = c.at.Add(2 * time.Minute)
	second := serve(t, config)
	if !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("after %v there is one until %v", first.Leaf.NotAfter, second.Leaf.NotAfter)
	}
	for _, host := range []string{"holdfast.example.com", "10.0.0.1"} {
		if err := second.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	was, _ := keyPin(first.Leaf.PublicKey)
	if is, _ := keyPin(second.Leaf.PublicKey); was != is {
		t.Error("the pin in join lines is another")
	}
}

func serve(t *testing.T, config *tls.Config) *tls.Certificate {
	t.Helper()
	certificate, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestAnIdentityIsGoodForAYearAndRenewableForNinetyDaysMore(t *testing.T) {
	const day = 24 * time.Hour
	c := &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	a := newAuthority(t, c)
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.issueIdentity("c-one", "node1", key.Public())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := decodeCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after, grace time.Duration
		good         bool
	}{
		{0, 0, true}, {364 * day, 0, true}, {366 * day, 0, false},
		{366 * day, renewalGrace, true}, {454 * day, renewalGrace, true}, {456 * day, renewalGrace, false},
		{-2 * time.Hour, renewalGrace, false},
	} {
		peer, err := VerifyPeer(cert, a.Pool(), c.at.Add(test.after), test.grace)
		if (err == nil) != test.good {
			t.Errorf("after %v with %v of grace: %v", test.after, test.grace, err)
		}
		if err == nil && (peer.Namespace != "c-one" || peer.Machine != "node1" || peer.KeyHash == "") {
			t.Errorf("it speaks for %+v", peer)
		}
	}
	if _, err := VerifyPeer(cert, newAuthority(t, c).Pool(), c.at, 0); err == nil {
		t.Error("it is good for another manager too")
	}
	serving, err := a.issueServing([]string{"10.0.0.1"}, c.at)
	if err != nil {
		t.Fatal(err)
	}
	if peer, err := VerifyPeer(serving.Leaf, a.Pool(), c.at, 0); err == nil {
		t.Errorf("the manager's own certificate speaks for %+v", peer)
	}
}
