package servertest

import (
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// MinIO starts a MinIO server as server.StartMinIO does, and makes its stock client ready for the users' part. Without
// Dir it lives below t.TempDir.
func MinIO(t testing.TB, cfg server.S3Config) *server.MinIO {
	t.Helper()
	Tool(t, "minio")
	Tool(t, "mc")
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	m, err := server.StartMinIO(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cfg.Dir, m.Stop) })
	return m
}

// VersityGW starts a versitygw server as server.StartVersityGW does. Without Dir it lives below t.TempDir.
func VersityGW(t testing.TB, cfg server.S3Config) *server.VersityGW {
	t.Helper()
	Tool(t, "versitygw")
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	v, err := server.StartVersityGW(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cfg.Dir, v.Stop) })
	return v
}
