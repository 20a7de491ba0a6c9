package escrow_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/escrow"
)

func TestWhatIsWrittenIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	c := &escrow.Content{
		Token: "secret", Secrets: map[string]string{"etcd-s3-secret-key": "abc"},
		Files: []escrow.File{{Path: "/var/lib/rancher/k3s/server/tls/server-ca.key", Mode: 0o600, Data: []byte("key")}},
	}
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"token": "secret\n", "config-secrets.json": "{\n  \"etcd-s3-secret-key\": \"abc\"\n}\n",
		"files/var/lib/rancher/k3s/server/tls/server-ca.key": "key",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := c.Write(dir); !os.IsExist(err) {
		t.Errorf("a second time: %v", err)
	}
}

func TestNoFileIsWrittenOutsideOfTheDirectory(t *testing.T) {
	above := t.TempDir()
	c := &escrow.Content{Files: []escrow.File{{Path: "/../../escaped", Data: []byte("x")}}}
	if err := c.Write(filepath.Join(above, "out")); err == nil {
		t.Error("it was written")
	}
	if _, err := os.Stat(filepath.Join(above, "escaped")); !os.IsNotExist(err) {
		t.Errorf("it escaped: %v", err)
	}
}
