package servertest

import (
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// Kubernetes starts a kube-apiserver as server.StartKubernetes does, and makes the stock kubectl ready. Without Dir it
// lives below t.TempDir.
func Kubernetes(t testing.TB, cfg server.KubernetesConfig) *server.Kubernetes {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "1.37"
	}
	for _, tool := range []string{"kube-apiserver-" + cfg.Version, "kubectl", "etcd-3.6"} {
		Tool(t, tool)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	k, err := server.StartKubernetes(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cfg.Dir, k.Stop) })
	return k
}
