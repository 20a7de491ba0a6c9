package server_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAKubernetesAPIKeepsItsObjectsOverARestart(t *testing.T) {
	t.Parallel()
	k := servertest.Kubernetes(t, server.KubernetesConfig{})
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := k.Kubectl(t.Context(), t.TempDir(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := kubectl("get", "--raw", "/version"); !strings.Contains(out, `"gitVersion": "v`+k.Version+".") {
		t.Errorf("its version is %s", out)
	}
	kubectl("create", "namespace", "kept")
	kubectl("-n", "kept", "create", "serviceaccount", "someone")
	token := strings.TrimSpace(kubectl("-n", "kept", "create", "token", "someone"))

	if err := k.Halt(); err != nil {
		t.Fatal(err)
	}
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out := kubectl("get", "namespace", "kept", "-o", "name"); strings.TrimSpace(out) != "namespace/kept" {
		t.Errorf("after the restart: %s", out)
	}
	review := []string{"--server", k.URL, "--certificate-authority", k.CA, "--token", token, "-n", "kept"}
	kubeconfig := []string{"KUBECONFIG=/dev/null"}
	out, err := server.Run(t.Context(), t.TempDir(), kubeconfig, "kubectl", append(review, "auth", "whoami")...)
	if err != nil || !strings.Contains(out, "system:serviceaccount:kept:someone") {
		t.Errorf("a token from before the restart is %s%v", out, err)
	}
	if out, err := server.Run(t.Context(), t.TempDir(), kubeconfig, "kubectl", append(review, "get", "secrets")...); err == nil {
		t.Errorf("who was given no right reads secrets: %s", out)
	}
}
