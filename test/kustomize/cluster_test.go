package kustomize_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// waitLimit bounds every wait: leases are given up after 15 seconds, the rest is for a busy machine.
const waitLimit = 3 * time.Minute

// existing is a Kubernetes that somebody has, and Holdfast's manifests.
type existing struct {
	*server.Kubernetes
	root, dir string
	// audit is the log of all requests.
	audit string
}

func newExisting(t *testing.T) *existing {
	t.Helper()
	root, err := server.Root()
	do(t, err)
	dir := t.TempDir()
	e := &existing{root: root, dir: dir, audit: filepath.Join(dir, "audit.log")}
	policy := filepath.Join(dir, "audit.yaml")
	do(t, os.WriteFile(policy, []byte(`{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}`), 0o600))
	e.Kubernetes = servertest.Kubernetes(t, server.KubernetesConfig{
		ExtraArgs: []string{"--audit-policy-file=" + policy, "--audit-log-path=" + e.audit},
	})
	return e
}

// kubectl is the administrator of that Kubernetes.
func (e *existing) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.Kubectl(t.Context(), e.dir, args...)
	do(t, err)
	return out
}

// get reads an object of the manager's namespace.
func (e *existing) get(t *testing.T, into any, args ...string) {
	t.Helper()
	out := e.kubectl(t, append([]string{"-n", "holdfast-system", "get", "-o", "json"}, args...)...)
	do(t, json.Unmarshal([]byte(out), into))
}

// apply does what docs/server.md tells: a kustomization beside the repository's gives address and image.
func (e *existing) apply(t *testing.T) string {
	t.Helper()
	overlay := filepath.Join(e.dir, "overlay")
	do(t, os.MkdirAll(overlay, 0o700))
	base, err := filepath.Rel(overlay, filepath.Join(e.root, "deploy"))
	do(t, err)
	text, err := yaml.Marshal(map[string]any{
		"resources": []string{base},
		"images":    []any{map[string]any{"name": "holdfast-server", "newName": "registry.example.com/holdfast-server", "newTag": "v1"}},
		"configMapGenerator": []any{map[string]any{
			"name": "holdfast-settings", "namespace": "holdfast-system", "behavior": "merge", "literals": []string{"address=127.0.0.1"},
		}},
	})
	do(t, err)
	do(t, os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), text, 0o600))
	return e.kubectl(t, "apply", "-k", overlay)
}

// refusals are the requests of the manager that were not allowed.
func (e *existing) refusals(t *testing.T) (refused []string, requests int) {
	t.Helper()
	data, err := os.ReadFile(e.audit)
	do(t, err)
	for line := range strings.Lines(string(data)) {
		var event struct {
			Verb, RequestURI string
			User             struct{ Username string }
			ResponseStatus   struct{ Code int }
		}
		if json.Unmarshal([]byte(line), &event) != nil || event.User.Username != "system:serviceaccount:holdfast-system:holdfast-server" {
			continue // the last line may be half written
		}
		requests++
		if event.ResponseStatus.Code == 403 {
			refused = append(refused, event.Verb+" "+event.RequestURI)
		}
	}
	return refused, requests
}

// until asks until there is no error.
func until(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("wait for %s: %w", what, errors.Join(err, context.Cause(ctx))))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
