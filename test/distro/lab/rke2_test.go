package lab_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

const rke2Data = "/var/lib/rancher/rke2/server/"

func TestPodsOfRKE2OutliveTheirUnitAndNotItsKillall(t *testing.T) {
	c := installed(t, lab.Config{Flavor: distro.RKE2()}, 1)
	n := c.nodes[0]
	pods := func() string {
		out, _, _ := c.try(n, "pgrep", "-lf", "^/opt/tools/(etcd|kube-apiserver)")
		return out
	}
	_, stderr := c.run(n, "rke2", "etcd-snapshot", "save", "--name", "mine")
	name := saved.FindStringSubmatch(stderr)[1]
	c.kubectl(n, "create", "secret", "generic", "after", "--from-literal=a=b")
	before := pods()
	if lines := strings.Count(before, "\n"); lines != 2 {
		t.Fatalf("pods: %s", before)
	}

	do(t, c.Stop(t.Context(), n))
	if after := pods(); after != before {
		t.Errorf("after systemctl stop: %s, before: %s", after, before)
	}
	must(t, c.kubectl(n, "get", "secret", "-o", "name"), "after") // it still serves
	do(t, c.Start(t.Context(), n))
	if after := pods(); after != before {
		t.Errorf("after systemctl start: %s, before: %s", after, before)
	}

	c.run(n, install.Killall(distro.RKE2()))
	if after := pods(); after != "" {
		t.Errorf("after killall: %s", after)
	}
	if left, _, _ := c.try(n, "ls", "/var/lib/rancher/rke2/agent/pod-manifests"); left != "" {
		t.Errorf("manifests after killall: %s", left)
	}

	_, stderr = c.run(n, "rke2", "server", "--cluster-reset", "--cluster-reset-restore-path="+rke2Data+"db/snapshots/"+name)
	must(t, stderr, "Shutting down kubelet and etcd")
	must(t, stderr, "Managed etcd cluster membership has been reset")
	do(t, machines.Until(t.Context(), "the pods to end", func(context.Context) error {
		if left := pods(); left != "" {
			return errors.New(left)
		}
		return nil
	}))
	do(t, c.Start(t.Context(), n))
	if got := c.kubectl(n, "get", "secret", "-o", "name"); strings.Contains(got, "after") {
		t.Errorf("after the restore there are %s", got)
	}
}
