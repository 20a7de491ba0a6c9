package kustomize_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestTheManifestsAreAppliedAndThePodsAreAdmittedWhereTheyMayDoLeast(t *testing.T) {
	e := newExisting(t)
	if out := e.apply(t); strings.Contains(out, "Warning") || !strings.Contains(out, "deployment.apps/holdfast-server created") {
		t.Errorf("kubectl apply -k says:\n%s", out)
	}
	if out := e.apply(t); strings.Contains(out, "created") || !strings.Contains(out, "deployment.apps/holdfast-server unchanged") {
		t.Errorf("applied again, it says:\n%s", out)
	}
	if out, err := e.pod(t, "as-it-is", nil); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, change := range map[string]func(map[string]any){
		"a-user-with-rights": func(spec map[string]any) { delete(spec, "securityContext") },
		"the-nodes-network":  func(spec map[string]any) { spec["hostNetwork"] = true },
	} {
		if _, err := e.pod(t, name, change); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const definition = `apiVersion: holdfast.dev/v1alpha1
kind: Cluster
metadata: {name: prod, namespace: prod}
spec: {distro: etcd, etcd: {minFree: "0"}}
`

func TestTwoManagersServeAFleetWithTheRightsThatTheManifestsGive(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a file system and a user of its own for each manager take root")
	}
	e := newExisting(t)
	e.apply(t)
	first := e.start(t, "first")
	until(t, "the first to lead", func(context.Context) error { return e.leads(t, first, "") })
	second := e.start(t, "second")
	until(t, "the second's address", func(context.Context) error { _, err := second.address(); return err })

	file := filepath.Join(e.dir, "prod.yaml")
	do(t, os.WriteFile(file, []byte(definition), 0o600))
	e.holdfast(t, "apply", "-f", file)
	servertest.Tool(t, "etcd-3.6")
	e.join(t, second, servertest.NewEtcd(t, server.EtcdConfig{}))
	e.holdfast(t, "snapshot", "create", "prod")

	was := e.leader(t)
	do(t, first.Kill())
	until(t, "the second to lead", func(context.Context) error { return e.leads(t, second, was) })
	e.holdfast(t, "snapshot", "create", "prod")

	refused, requests := e.refusals(t)
	if len(refused) > 0 || requests < 100 {
		t.Errorf("of %d requests the managers may not do\n%s", requests, strings.Join(refused, "\n"))
	}
}

// The etcd that the manager's own Kubernetes stands on is given to an agent, as somebody might who wants it backed up.
func TestTheKubernetesThatTheManagerStandsOnIsSavedAndNotRestored(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a file system and a user of its own for each manager take root")
	}
	e := newExisting(t)
	e.apply(t)
	manager := e.start(t, "only")
	until(t, "it to lead", func(context.Context) error { return e.leads(t, manager, "") })
	file := filepath.Join(e.dir, "prod.yaml")
	do(t, os.WriteFile(file, []byte(definition), 0o600))
	e.holdfast(t, "apply", "-f", file)
	e.join(t, manager, e.Etcd)
	e.kubectl(t, "-n", "prod", "wait", "--for=condition=HostsManager", "cluster/prod", "--timeout=60s")

	e.holdfast(t, "snapshot", "create", "prod")
	out, err := e.try(t, "restore", "plan", "prod", "--latest-proven")
	for _, says := range []string{"ManagerElsewhere", "the manager keeps its own objects in this cluster", "holdfast-agent restore --local"} {
		if !strings.Contains(out, says) {
			t.Errorf("the plan does not say %q: %v\n%s", says, err, out)
		}
	}
}

// join makes a machine of an etcd, which the agent runs from then on, and an agent, through that manager.
func (e *existing) join(t *testing.T, manager *replica, etcd *server.Etcd) {
	t.Helper()
	member := etcd.Members[0]
	command, err := member.Command()
	do(t, err)
	config, err := yaml.Marshal(map[string]any{
		"supervise": map[string]any{"command": command}, "metrics": "none", "node": "node1",
		"peer": map[string]any{"address": "127.0.0.1:0", "advertise": []string{"127.0.0.1"}},
	})
	do(t, err)
	state := t.TempDir()
	file := filepath.Join(state, "agent.yaml")
	do(t, os.WriteFile(file, config, 0o600))

	address, err := manager.address()
	do(t, err)
	var line struct{ Token, Server string }
	do(t, json.Unmarshal([]byte(e.holdfast(t, "machine", "join", "prod", "--role", "etcd", "--server", address, "-o", "json")), &line))
	agent := filepath.Join(e.root, "bin", "holdfast-agent")
	p, err := server.StartProgram(agent, filepath.Join(e.dir, "join.log"), []string{"HOLDFAST_JOIN_TOKEN=" + line.Token},
		"join", "--server", line.Server, "--name", "node1", "--state-dir", state)
	do(t, err)
	do(t, p.Wait(t.Context()))
	do(t, member.Stop())
	p, err = server.StartProgram(agent, filepath.Join(e.dir, "agent.log"), nil, "run", "--config", file, "--state-dir", state)
	do(t, err)
	t.Cleanup(func() {
		do(t, p.Stop())
		if t.Failed() {
			t.Logf("the agent ends with:\n%s", p.LogTail())
		}
	})
	e.kubectl(t, "-n", "prod", "wait", "--for=condition=Ready", "cluster/prod", "--timeout=180s")
}

// holdfast runs the command line program as the administrator.
func (e *existing) holdfast(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.try(t, args...)
	do(t, err)
	return out
}

func (e *existing) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(e.root, "bin", "holdfast"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + e.dir, "KUBECONFIG=" + e.Kubeconfig}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("holdfast %s: %w\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out), err
}

func (e *existing) leader(t *testing.T) string {
	t.Helper()
	var leases struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ HolderIdentity string }
		}
	}
	e.get(t, &leases, "leases")
	held := map[string]string{}
	for _, l := range leases.Items {
		held[l.Metadata.Name] = l.Spec.HolderIdentity
	}
	return held["holdfast-server"]
}

// leads is nil when somebody leads who is not the one that was. The manager who should must run.
func (e *existing) leads(t *testing.T, who *replica, was string) error {
	t.Helper()
	if !who.Running() {
		t.Fatalf("the manager has ended:\n%s", who.LogTail())
	}
	switch is := e.leader(t); is {
	case "":
		return errors.New("nobody leads")
	case was:
		return fmt.Errorf("%s still leads", is)
	default:
		return nil
	}
}
