// Package e2e tests the engine and the command line against real servers.
package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// etcdVersions are those that Holdfast supports.
func etcdVersions() []string { return []string{"3.5", "3.6", "3.7"} }

// onEachVersion runs a test against a fresh cluster of each version.
func onEachVersion(t *testing.T, cfg server.EtcdConfig, test func(t *testing.T, e *server.Etcd)) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			cfg := cfg
			cfg.Version, cfg.NoFsync = version, true
			test(t, servertest.Etcd(t, cfg))
		})
	}
}

// etcdSettings are what reaches the cluster as an administrator would.
func etcdSettings(t *testing.T, e *server.Etcd) etcd.Config {
	t.Helper()
	cfg := etcd.Defaults()
	cfg.Endpoints = e.Endpoints()
	cfg.LockDir = t.TempDir()
	cfg.DialTimeout, cfg.CommandTimeout = 10*time.Second, 20*time.Second // this machine is shared
	if tls := e.TLS(); tls != nil {
		cfg.CACert, cfg.Cert, cfg.Key = tls.CA, tls.Cert, tls.Key
	}
	if e.RootPassword != "" {
		cfg.Username, cfg.Password = "root", etcd.Secret(e.RootPassword)
	}
	return cfg
}

func dialEtcd(t *testing.T, cfg etcd.Config) *etcd.Client {
	t.Helper()
	c, err := etcd.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func inspect(t *testing.T, c *etcd.Client) etcd.Cluster {
	t.Helper()
	cluster, err := c.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func fillEtcd(t *testing.T, e *server.Etcd, size int64) {
	t.Helper()
	if _, err := kubedata.Fill(t.Context(), servertest.EtcdClient(t, e), kubedata.Options{Seed: 1, Size: size, Leases: true}); err != nil {
		t.Fatal(err)
	}
}

// receiveStream reads a snapshot to its end.
func receiveStream(s *etcd.Stream) ([]byte, error) {
	var all []byte
	for {
		piece, err := s.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, piece...)
	}
}

// mustReceive takes a snapshot from a member and checks what can be checked without opening it.
func mustReceive(t *testing.T, c *etcd.Client, m etcd.Member) []byte {
	t.Helper()
	s, err := c.Snapshot(t.Context(), m, etcd.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := receiveStream(s)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(all)) != s.Size() || len(all)%512 != sha256.Size || s.Member() != m.ID {
		t.Fatalf("%d bytes of %d, from member %x instead of %x", len(all), s.Size(), s.Member(), m.ID)
	}
	db := all[:len(all)-sha256.Size]
	if sum := sha256.Sum256(db); !bytes.Equal(sum[:], all[len(db):]) {
		t.Fatal("the trailer is not the database's SHA-256")
	}
	return all
}

// checkProblem wants exactly these texts; ENDPOINT stands for the endpoint.
func checkProblem(t *testing.T, err error, endpoint string, kind problem.Kind, headline, next string) {
	t.Helper()
	want := strings.ReplaceAll(headline, "ENDPOINT", endpoint)
	if err == nil || err.Error() != want || problem.NextOf(err) != next || problem.KindOf(err) != kind {
		t.Errorf("kind %d, want %d\n got %v\nwant %s\nnext %s\nwant %s", problem.KindOf(err), kind, err, want, problem.NextOf(err), next)
	}
}
