package server_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAResetProxyResetsAndHealedForwardsAgain(t *testing.T) {
	upstream := echo(t)
	p := servertest.Proxy(t, upstream)
	if err := exchange(t, p.Address); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	if err := p.Inject(t.Context(), server.ToClient, server.ResetPeer(0)); err != nil {
		t.Fatal(err)
	}
	if err := exchange(t, p.Address); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("with resets: %v", err)
	}
	if err := p.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := exchange(t, p.Address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("cut: %v", err)
	}
	if err := p.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := exchange(t, p.Address); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestLimitedDataEndsAfterTheLimit(t *testing.T) {
	p := servertest.Proxy(t, echo(t))
	if err := p.Inject(t.Context(), server.ToClient, server.LimitData(3)); err != nil {
		t.Fatal(err)
	}
	if err := exchange(t, p.Address); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading five bytes: %v", err)
	}
}

func TestTheMetadataServiceServesWhatItWasGiven(t *testing.T) {
	m := servertest.IMDS(t)
	fetch := func() (credentials.Value, error) {
		p := &credentials.IAM{Endpoint: m.Endpoint}
		return p.RetrieveWithCredContext(&credentials.CredContext{Client: http.DefaultClient})
	}
	if v, err := fetch(); err == nil {
		t.Errorf("an instance without a role has credentials %+v", v)
	}
	for _, key := range []string{"first", "second"} {
		want := server.Credentials{AccessKey: key, SecretKey: "secret", SessionToken: "token", Expires: time.Now().Add(time.Hour)}
		m.SetCredentials(want)
		v, err := fetch()
		if err != nil {
			t.Fatal(err)
		}
		got := server.Credentials{AccessKey: v.AccessKeyID, SecretKey: v.SecretAccessKey, SessionToken: v.SessionToken, Expires: want.Expires}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if n := m.Served(key); n != 1 {
			t.Errorf("%s served %d times", key, n)
		}
	}
}

func TestTheMetadataServiceWantsASessionToken(t *testing.T) {
	m := servertest.IMDS(t)
	m.SetCredentials(server.Credentials{AccessKey: "key", SecretKey: "secret", Expires: time.Now().Add(time.Hour)})
	resp, err := http.Get(m.Endpoint + "/latest/meta-data/iam/security-credentials/" + server.Role)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || m.Served("key") != 0 {
		t.Errorf("without a token: %s, served %d", resp.Status, m.Served("key"))
	}
}

// echo serves connections that send back what they get, and returns the address.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// exchange sends five bytes and wants them back.
func exchange(t *testing.T, address string) error {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 5))
	return err
}
