package manager

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/simulated"
)

// kubectl is the stock program with the administrator's kubeconfig.
type kubectl struct {
	t                        *testing.T
	program, kubeconfig, dir string
}

func newKubectl(t *testing.T, f *fixture) kubectl {
	t.Helper()
	program, err := filepath.Abs("../../.cache/tools/kubectl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: build it with test/tools/build.sh kubectl", err)
	}
	return kubectl{t, program, f.cfg.kubeconfig(), t.TempDir()}
}

func (k kubectl) try(stdin string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(k.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program, args...)
	cmd.Env = append([]string{"KUBECONFIG=" + k.kubeconfig, "HOME=" + k.dir, "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// must runs kubectl on the cluster's namespace, and wants each of the texts in what it prints.
func (k kubectl) must(stdin, args string, says ...string) string {
	k.t.Helper()
	out, err := k.try(stdin, nil, append([]string{"-n", "c-one"}, strings.Fields(args)...)...)
	if err != nil {
		k.t.Errorf("kubectl %s: %v\n%s", args, err, out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			k.t.Errorf("kubectl %s: it does not say %q:\n%s", args, text, out)
		}
	}
	return out
}

const kubectlObjects = `apiVersion: holdfast.dev/v1alpha1
kind: EtcdSnapshotSave
metadata: {name: now, namespace: c-one}
spec: {name: by-kubectl}
---
apiVersion: holdfast.dev/v1alpha1
kind: EtcdSnapshotTask
metadata: {name: target, namespace: c-one}
spec: {action: testTarget}
---
apiVersion: holdfast.dev/v1alpha1
kind: EtcdSnapshotRestore
metadata: {name: look, namespace: c-one}
spec: {source: {at: "2020-01-01T00:00:00Z"}}
`

func TestKubectlWorksOnEveryResource(t *testing.T) {
	f := start(t)
	k := newKubectl(t, f)
	f.machines(t, "one", "m1", "m2", "m3")
	k.must("", "wait --for=condition=Ready cluster/one --timeout=60s")
	k.must(kubectlObjects, "apply -f -", "etcdsnapshotsave.holdfast.dev/now created", "etcdsnapshottask.holdfast.dev/target created")
	k.must("", "wait --for=jsonpath={.status.phase}=Finished etcdsnapshotsave/now etcdsnapshottask/target --timeout=120s")
	k.must("", "wait --for=jsonpath={.status.plan.verdict}=NoRestoreNeeded etcdsnapshotrestore/look --timeout=60s")
	k.must("", "get etcdsnapshotrestore look -o yaml", "no good snapshot is as old as 2020-01-01")

	columns := map[string][]string{
		"clusters": {"ID", "DISTRO", "READY", "PROTECTED", "LAST COMPLETE", "one"},
		"machines": {"ROLES", "ETCD", "DB SIZE", "m1"}, "machineinventories": {"FILES", "m2"},
		"machineplans": {"OPERATION", "SERIAL", "m3"}, "etcdsnapshots": {"FILE", "STATE", "TRIGGER", "by-kubectl-", "manual"},
		"etcdsnapshotsaves": {"PHASE", "now", "Finished"}, "etcdsnapshottasks": {"ACTION", "testTarget"},
		"etcdsnapshotrestores": {"VERDICT", "OUTCOME", "look"},
	}
	for resource, says := range columns {
		k.must("", "get "+resource, says...)
		k.must("", "describe "+resource, "Name:", "API Version:  holdfast.dev/v1alpha1")
		k.must("", "explain "+resource, "GROUP:      holdfast.dev", "DESCRIPTION:", "status")
		k.must("", "get "+resource+" -o name", "holdfast.dev/")
	}
	k.must("", "explain cluster.spec.etcd.s3.endpoint", "FIELD: endpoint", "host")
	k.must("", "get holdfast", "cluster.holdfast.dev/one", "machine.holdfast.dev/m1", "etcdsnapshotsave.holdfast.dev/now")
	k.must("", "describe etcdsnapshotsave now", "Events:", "Finished")
}

func TestKubectlEditChangesASchedule(t *testing.T) {
	f := start(t)
	k := newKubectl(t, f)
	k.must("", `patch cluster one --type=merge -p {"spec":{"etcd":{"minFree":"1Gi"}}}`, "patched")
	out, err := k.try("", nil, "-n", "c-one", "patch", "cluster", "one", "--type=merge", "-p", `{"spec":{"etcd":{"snapshotScheduleCron":"61 * * * *"}}}`)
	if err == nil || !strings.Contains(out, "the first field, minute, takes 0 to 59") {
		t.Errorf("a wrong schedule is answered with:\n%s", out)
	}
	editor := filepath.Join(k.dir, "editor")
	script := "#!/bin/sh\nsed -i 's|^    minFree:|    snapshotScheduleCron: \"30 2 * * *\"\\n    minFree:|' \"$1\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := k.try("", []string{"KUBE_EDITOR=" + editor}, "-n", "c-one", "edit", "cluster", "one"); err != nil {
		t.Fatalf("kubectl edit: %v\n%s", err, out)
	}
	k.must("", "get cluster one -o jsonpath={.spec.etcd.snapshotScheduleCron}", "30 2 * * *")
}

// machines enrols simulated machines, and runs their agents until the test ends.
func (f *fixture) machines(t *testing.T, cluster string, names ...string) {
	t.Helper()
	var c v1alpha1.Cluster
	if err := read(t, f.all, &c, cluster); err != nil {
		t.Fatal(err)
	}
	all := connect(t, f.plane.api)
	for _, name := range names {
		if err := simulated.Enrol(t.Context(), all, &c, name); err != nil {
			t.Fatal(err)
		}
		agent := simulated.New(simulated.Config{Client: all, Namespace: c.Namespace, Name: name, Members: names})
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		go func() {
			defer close(ended)
			agent.Run(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-ended
			if faults := agent.Faults(nil); len(faults) > 0 {
				t.Errorf("machine %s: %s", name, strings.Join(faults, "; "))
			}
		})
	}
}
