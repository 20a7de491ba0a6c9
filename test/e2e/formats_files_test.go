package e2e

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// made is what a stock client saved of a cluster.
type made struct {
	version string
	// payload is what etcdctl wrote; database is a copy of the stopped member's own file.
	payload, database []byte
	hash              server.Hash
}

// etcdctlSave runs etcdctl snapshot save against a small cluster of a version.
func etcdctlSave(t *testing.T, version string) made {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{Version: version, NoFsync: true})
	cli := servertest.EtcdClient(t, e)
	if _, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 5, Objects: 200, Leases: true}); err != nil {
		t.Fatal(err)
	}
	hash, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	dir, tool := t.TempDir(), "etcdctl-"+version
	servertest.Tool(t, tool)
	if _, err := server.Run(t.Context(), dir, e.CtlEnv(), tool, "snapshot", "save", "it"); err != nil {
		t.Fatal(err)
	}
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	return made{version, read(t, filepath.Join(dir, "it")), read(t, e.Members[0].DatabasePath()), hash}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// write makes a file, and the folders above it.
func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// zipEntry is one file in an archive.
type zipEntry struct {
	name string
	data []byte
}

// zipped writes an archive as k3s and RKE do: deflated, sizes behind the data.
func zipped(t *testing.T, at time.Time, entries ...zipEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		out, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at})
		if err == nil {
			_, err = out.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// k3sZip is what k3s writes with --snapshot-compress.
func k3sZip(t *testing.T, name string, payload []byte) []byte {
	t.Helper()
	return zipped(t, time.Unix(1652288934, 0), zipEntry{name, payload})
}

// rkeZip is what RKE's tools write: absolute names, the epoch, and the cluster's state beside the database.
func rkeZip(t *testing.T, name string, payload []byte) []byte {
	t.Helper()
	state := []byte(`{"desiredState":{"rkeConfig":{}},"currentState":{}}`)
	return zipped(t, time.Unix(0, 0), zipEntry{"/backup/" + name, payload}, zipEntry{"/etc/kubernetes/" + name + ".rkestate", state})
}

func zstdOf(t *testing.T, data []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil)
}
