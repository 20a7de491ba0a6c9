package servertest

import (
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// Toxiproxy starts a toxiproxy server as server.StartToxiproxy does.
func Toxiproxy(t testing.TB) *server.Toxiproxy {
	t.Helper()
	Tool(t, "toxiproxy-server")
	dir := t.TempDir()
	x, err := server.StartToxiproxy(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, dir, x.Stop) })
	return x
}

// Proxy starts a proxy to an address ("127.0.0.1:23456") on a toxiproxy server of its own.
func Proxy(t testing.TB, upstream string) *server.Proxy {
	t.Helper()
	p, err := Toxiproxy(t).Proxy(t.Context(), upstream)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// IMDS starts an EC2 metadata service as server.StartIMDS does.
func IMDS(t testing.TB) *server.IMDS {
	t.Helper()
	Tool(t, "ec2-metadata-mock")
	dir := t.TempDir()
	m, err := server.StartIMDS(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, dir, m.Stop) })
	return m
}
