// Package servertest starts real servers for one test and ends them with it.
//
// Each function fails the test when the server does not start, and prints the end of the servers' logs when the test
// fails later. A program that is not built yet is built, except where CI=true: there the build is a step of its own,
// and a test that quietly took minutes, or was skipped, would hide that the step is missing.
//
// It holds no logic of its own: what a server does is in package server.
package servertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/server"
)

// Tool returns the path of a pinned program.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := tool(t.Context(), name, os.Getenv("CI") == "true")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func tool(ctx context.Context, name string, ci bool) (string, error) {
	path, err := server.Tool(name)
	if !errors.Is(err, server.ErrNoTool) || ci {
		return path, err
	}
	if err := server.BuildTool(ctx, name); err != nil {
		return "", err
	}
	return server.Tool(name)
}

// Etcd starts a cluster as server.StartEtcd does. Without Dir it lives below t.TempDir.
func Etcd(t testing.TB, cfg server.EtcdConfig) *server.Etcd {
	t.Helper()
	return newEtcd(t, cfg, func(cfg server.EtcdConfig) (*server.Etcd, error) { return server.StartEtcd(t.Context(), cfg) })
}

// NewEtcd is Etcd without the start, as server.NewEtcd does: for a restore into a new cluster.
func NewEtcd(t testing.TB, cfg server.EtcdConfig) *server.Etcd {
	t.Helper()
	return newEtcd(t, cfg, server.NewEtcd)
}

func newEtcd(t testing.TB, cfg server.EtcdConfig, start func(server.EtcdConfig) (*server.Etcd, error)) *server.Etcd {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "3.6"
	}
	Tool(t, "etcd-"+cfg.Version)
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	e, err := start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cfg.Dir, e.Stop) })
	return e
}

// EtcdClient connects to all members and closes the connection with the test.
func EtcdClient(t testing.TB, e *server.Etcd) *clientv3.Client {
	t.Helper()
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cli.Close() })
	return cli
}

// end stops a server and, when the test has failed, prints the end of each log file in its directory.
func end(t testing.TB, dir string, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Errorf("stop the server in %s: %v", dir, err)
	}
	if !t.Failed() {
		return
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Errorf("logs: %v", err)
	}
	for _, path := range paths {
		t.Logf("%s ends with:\n%s", filepath.Base(path), server.LogTail(path))
	}
}
