package kustomize_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// template is what the tests read of the Deployment's pods, as the API server has filled it in.
type template struct {
	Spec struct {
		ServiceAccountName string
		SecurityContext    struct{ RunAsUser uint32 }
		Containers         []struct {
			Image string
			Args  []string
			Env   []struct {
				Name      string
				ValueFrom struct {
					ConfigMapKeyRef struct{ Name, Key string }
				}
			}
		}
	}
}

// pod makes a pod of the Deployment's template, which no node will run, changed by change. What the API server says is
// returned.
func (e *existing) pod(t *testing.T, name string, change func(spec map[string]any)) (string, error) {
	t.Helper()
	var deployment struct {
		Spec struct {
			Template struct {
				Spec map[string]any
			}
		}
	}
	e.get(t, &deployment, "deployment", "holdfast-server")
	spec := deployment.Spec.Template.Spec
	if change != nil {
		change(spec)
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "holdfast-system"}, "spec": spec,
	})
	do(t, err)
	file := filepath.Join(e.dir, name+".json")
	do(t, os.WriteFile(file, text, 0o600))
	return e.Kubectl(t.Context(), e.dir, "create", "-f", file)
}

// replica is one manager.
type replica struct {
	*server.Process
	t *testing.T
}

// start runs what a node would run of a pod.
func (e *existing) start(t *testing.T, name string) *replica {
	t.Helper()
	out, err := e.pod(t, name, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var deployment struct{ Spec struct{ Template template } }
	e.get(t, &deployment, "deployment", "holdfast-server")
	spec := deployment.Spec.Template.Spec
	cell := server.Cell{Root: filepath.Join(t.TempDir(), "root"), User: spec.SecurityContext.RunAsUser}
	entry := e.image(t, cell.Root)
	e.mountToken(t, cell, spec.ServiceAccountName, name)
	api, err := url.Parse(e.URL)
	do(t, err)
	env := []string{"KUBERNETES_SERVICE_HOST=" + api.Hostname(), "KUBERNETES_SERVICE_PORT=" + api.Port()}
	// All pods are on one host here.
	args := append(e.arguments(t, spec.Containers[0].Args, deployment.Spec.Template), "--listen=127.0.0.1:0")
	p, err := server.StartConfined(cell, entry, filepath.Join(e.dir, name+".log"), env, args...)
	do(t, err)
	t.Cleanup(func() {
		do(t, p.Stop())
		if t.Failed() {
			t.Logf("%s ends with:\n%s", name, p.LogTail())
		}
	})
	return &replica{p, t}
}

var (
	copied = regexp.MustCompile(`(?m)^COPY (.+) (/\S+/)$`)
	begins = regexp.MustCompile(`(?m)^ENTRYPOINT \["([^"]+)"\]$`)
)

// image makes the image's file system, as deploy/Containerfile says, and returns the program to start.
func (e *existing) image(t *testing.T, root string) string {
	t.Helper()
	recipe, err := os.ReadFile(filepath.Join(e.root, "deploy", "Containerfile"))
	do(t, err)
	if !strings.Contains(string(recipe), "\nFROM scratch\n") {
		t.Fatal("the image does not begin with nothing")
	}
	for _, line := range copied.FindAllStringSubmatch(string(recipe), -1) {
		to := filepath.Join(root, line[2])
		do(t, os.MkdirAll(to, 0o755))
		for pattern := range strings.FieldsSeq(line[1]) {
			files, err := filepath.Glob(filepath.Join(e.root, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("COPY %s: nothing is there, run make build: %v", pattern, err)
			}
			for _, file := range files {
				data, err := os.ReadFile(file)
				do(t, err)
				do(t, os.WriteFile(filepath.Join(to, filepath.Base(file)), data, 0o755))
			}
		}
	}
	return begins.FindStringSubmatch(string(recipe))[1]
}

// mountToken puts into the cell what the kubelet puts into a pod: a token that ends with the pod.
func (e *existing) mountToken(t *testing.T, cell server.Cell, account, pod string) {
	t.Helper()
	dir := filepath.Join(cell.Root, "var/run/secrets/kubernetes.io/serviceaccount")
	do(t, os.MkdirAll(dir, 0o755))
	token := e.kubectl(t, "-n", "holdfast-system", "create", "token", account, "--bound-object-kind=Pod", "--bound-object-name="+pod)
	ca, err := os.ReadFile(e.CA)
	do(t, err)
	for name, data := range map[string]string{"token": strings.TrimSpace(token), "ca.crt": string(ca), "namespace": "holdfast-system"} {
		do(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o400))
		do(t, os.Chown(filepath.Join(dir, name), int(cell.User), int(cell.User)))
	}
}

// arguments are the container's, with what they name of the environment.
func (e *existing) arguments(t *testing.T, args []string, pod template) []string {
	t.Helper()
	joined := strings.Join(args, "\n")
	for _, env := range pod.Spec.Containers[0].Env {
		var settings struct{ Data map[string]string }
		e.get(t, &settings, "configmap", env.ValueFrom.ConfigMapKeyRef.Name)
		value, given := settings.Data[env.ValueFrom.ConfigMapKeyRef.Key]
		if !given {
			t.Fatalf("%s has no %s", env.ValueFrom.ConfigMapKeyRef.Name, env.ValueFrom.ConfigMapKeyRef.Key)
		}
		joined = strings.ReplaceAll(joined, "$("+env.Name+")", value)
	}
	return strings.Split(joined, "\n")
}

var address = regexp.MustCompile(`address\s+https://(\S+)`)

// address of the manager's port, as it says it itself.
func (r *replica) address() (string, error) {
	data, err := os.ReadFile(r.LogPath())
	if err != nil {
		return "", err
	}
	if found := address.FindSubmatch(data); found != nil {
		return string(found[1]), nil
	}
	if !r.Running() {
		r.t.Fatalf("the manager has ended:\n%s", data)
	}
	return "", fmt.Errorf("%s does not say its address yet", r.LogPath())
}
