package lab_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
)

const data = "/var/lib/rancher/k3s/server/"

const token = lab.Token

var saved = regexp.MustCompile(`Snapshot (\S+) saved\.`)

// save takes a snapshot and returns its file's name.
func (c *cluster) save(args ...string) string {
	c.t.Helper()
	_, stderr := c.run(c.nodes[0], append([]string{"k3s", "etcd-snapshot", "save"}, args...)...)
	m := saved.FindStringSubmatch(stderr)
	if m == nil {
		c.t.Fatalf("nothing was saved: %s", stderr)
	}
	return m[1]
}

func TestASnapshotBringsBackWhatWasThereOnTheVersionItWasTakenOn(t *testing.T) {
	cfg := k3s(profile.Profile{})
	cfg.Version = "v1.36.3+k3s1"
	c := installed(t, cfg, 1)
	n := c.nodes[0]
	must(t, c.kubectl(n, "get", "--raw", "/version"), "v1.36.3")
	c.kubectl(n, "create", "configmap", "before", "--from-literal=a=b")
	name := c.save("--name", "mine")
	if !regexp.MustCompile(`^mine-node1-\d+$`).MatchString(name) {
		t.Errorf("file is called %s", name)
	}
	stdout, _ := c.run(n, "k3s", "etcd-snapshot", "ls")
	must(t, stdout, "Name")
	must(t, stdout, "file://"+data+"db/snapshots/"+name)
	do(t, c.Stop(t.Context(), n))
	do(t, c.InstallVersion(t.Context(), n, lab.Newest(distro.K3s())))
	do(t, c.Start(t.Context(), n))
	must(t, c.kubectl(n, "get", "--raw", "/version"), "v1.37.2")
	c.kubectl(n, "create", "configmap", "after", "--from-literal=a=b")

	do(t, c.Stop(t.Context(), n))
	do(t, c.InstallVersion(t.Context(), n, cfg.Version))
	stdout, stderr := c.run(n, "k3s", "server", "--cluster-reset", "--cluster-reset-restore-path=db/snapshots/"+name)
	if stdout != "" {
		t.Errorf("a reset printed to stdout: %s", stdout)
	}
	must(t, stderr, `level=error msg="Shutdown request received: \"Managed etcd cluster membership has been reset`)
	must(t, stderr, "k3s is up and running")
	listing, _ := c.run(n, "sh", "-c", "ls -d "+data+"db/reset-flag "+data+"db/etcd-old-* "+data+"tls-*")
	if lines := strings.Count(listing, "\n"); lines != 3 {
		t.Errorf("a reset left %s", listing)
	}
	do(t, c.Start(t.Context(), n))
	must(t, c.kubectl(n, "get", "--raw", "/version"), "v1.36.3")
	if got := c.kubectl(n, "get", "configmap", "-o", "name"); !strings.Contains(got, "before") || strings.Contains(got, "after") {
		t.Errorf("after the restore there are %s", got)
	}
	out := c.kubectl(n, "get", "etcdsnapshotfiles", "-o", "jsonpath={.items[*].spec.snapshotName}")
	must(t, out, name)
}
