package fleet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server"
)

// TestTheManagersOwnUnitServesWithAllThatItForbids follows docs/server.md on a machine with a real systemd: the service
// starts as its own user, serves, backs itself up, and comes back from the backup that root restored.
func TestTheManagersOwnUnitServesWithAllThatItForbids(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	n := labtest.New(t, lab.Config{}, 1).Nodes[0]
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	run := func(argv ...string) string {
		t.Helper()
		out, err := n.Run(ctx, argv...)
		do(t, err)
		return strings.TrimSpace(out)
	}
	root, err := server.Root()
	do(t, err)
	unit, err := os.ReadFile(filepath.Join(root, "deploy/systemd/holdfast-server.service"))
	do(t, err)
	do(t, n.WriteFile("/etc/systemd/system/holdfast-server.service", unit, 0o644))
	do(t, n.WriteFile("/root/phrase", []byte("correct horse battery staple\n"), 0o600))
	const dir, vault = "/var/lib/holdfast-server", "file:///root/vault"
	run("useradd", "--system", "--home-dir", dir, "--shell", "/usr/sbin/nologin", "holdfast-server")
	run("ln", "-s", "/opt/bin/holdfast-server", "/usr/local/bin/holdfast-server")
	run("systemctl", "daemon-reload")

	run("systemctl", "start", "holdfast-server")
	if got := run("stat", "-c", "%U %a", dir, dir+"/kubeconfig"); got != "holdfast-server 700\nholdfast-server 600" {
		t.Errorf("directory and kubeconfig are\n%s", got)
	}
	if got := run("curl", "-fsSk", "https://127.0.0.1:8443/readyz"); got != "ok" {
		t.Errorf("it is %s", got)
	}
	if journal := run("journalctl", "-u", "holdfast-server", "--no-pager"); strings.Contains(journal, "eyJ") || !strings.Contains(journal, "CA fingerprint") {
		t.Errorf("the journal has a token, or lacks the fingerprint:\n%s", journal)
	}
	before := run("cat", dir+"/kubeconfig")
	run("/opt/bin/holdfast-server", "backup", "--repo", vault, "--backup-passphrase-file", "/root/phrase")
	run("systemctl", "stop", "holdfast-server")
	if result := run("systemctl", "show", "-P", "Result", "holdfast-server"); result != "success" {
		t.Errorf("it ended with %s", result)
	}
	run("mv", dir, "/root/lost")
	run("/opt/bin/holdfast-server", "restore", "--repo", vault, "--latest", "--passphrase-file", "/root/phrase")
	run("systemctl", "start", "holdfast-server")
	if got := run("cat", dir+"/kubeconfig"); got != before {
		t.Error("the kubeconfig is another")
	}
	if got := run("stat", "-c", "%U", dir+"/keys/encryption.yaml"); got != "holdfast-server" {
		t.Errorf("what root restored belongs to %s", got)
	}
}
