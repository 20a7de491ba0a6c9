package controlplane

import (
	"log/slog"
	"path/filepath"
	"time"
)

// Config of a control plane.
type Config struct {
	// Dir holds everything that is kept. It is made, readable by nobody else.
	Dir string
	// Logger gets what this package says; Kubernetes' own components log where klog writes.
	Logger *slog.Logger
	// StartTimeout bounds the time until the API server is ready. Default: two minutes.
	StartTimeout time.Duration
}

// issuer is what service account tokens name as theirs. It is never looked up.
const issuer = "https://holdfast.invalid"

func (c Config) etcdDir() string        { return filepath.Join(c.Dir, "etcd") }
func (c Config) keyDir() string         { return filepath.Join(c.Dir, "keys") }
func (c Config) key(name string) string { return filepath.Join(c.keyDir(), name) }
func (c Config) auditLog() string       { return filepath.Join(c.Dir, "audit", "audit.log") }

func (c Config) startTimeout() time.Duration {
	if c.StartTimeout > 0 {
		return c.StartTimeout
	}
	return 2 * time.Minute
}
