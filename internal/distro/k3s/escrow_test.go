package k3s

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

func TestTheEscrowHoldsWhatANewMachineCouldNotMakeAgain(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"etc/rancher/k3s/config.yaml":                               "token: K10abc::server:pass\nnode-name: n1\netcd-s3-secret-key: hidden\nkube-apiserver-arg: [v=2]\n",
		"var/lib/rancher/k3s/server/token":                          "K10abc::server:pass\n",
		"var/lib/rancher/k3s/server/tls/server-ca.key":              "ca",
		"var/lib/rancher/k3s/server/tls/server-ca.crt":              "cacert",
		"var/lib/rancher/k3s/server/tls/service.key":                "sa",
		"var/lib/rancher/k3s/server/tls/etcd/peer-ca.key":           "peer",
		"var/lib/rancher/k3s/server/tls/client-admin.key":           "leaf",
		"var/lib/rancher/k3s/server/tls/client-admin.crt":           "leaf",
		"var/lib/rancher/k3s/server/tls/dynamic-cert.json":          "leaf",
		"var/lib/rancher/k3s/server/cred/admin.kubeconfig":          "leaf",
		"var/lib/rancher/k3s/server/cred/encryption-config.json":    "enc",
		"var/lib/rancher/k3s/server/db/etcd/member/snap/db":         "data",
		"var/lib/rancher/k3s/server/db/snapshots/etcd-snapshot-n-1": "snapshot",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("token", filepath.Join(root, "var/lib/rancher/k3s/server/agent-token")); err != nil {
		t.Fatal(err)
	}
	n, err := read(K3s, unit{}, systemd.Command{Program: "/usr/local/bin/k3s", Args: []string{"server"}}, root)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"token": "K10abc::server:pass", "etcd-s3-secret-key": "hidden"}, n.secrets()); d != "" {
		t.Error(d)
	}
	files, err := n.escrowedFiles()
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, content string) escrow.File {
		return escrow.File{Path: "/var/lib/rancher/k3s/server/" + name, Mode: 0o600, Data: []byte(content)}
	}
	want := []escrow.File{
		file("token", "K10abc::server:pass\n"), file("tls/etcd/peer-ca.key", "peer"), file("tls/server-ca.crt", "cacert"),
		file("tls/server-ca.key", "ca"), file("tls/service.key", "sa"), file("cred/encryption-config.json", "enc"),
	}
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
}
