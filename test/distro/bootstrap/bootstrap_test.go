package bootstrap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBootstrapDataOpensWithItsTokenAlone(t *testing.T) {
	sealed, err := encrypt("right", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := decrypt("right", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("decrypted %q, %v", plain, err)
	}
	if plain, err := decrypt("wrong", sealed); err == nil {
		t.Errorf("a wrong password opens it: %q", plain)
	}
	if salt, _, _ := strings.Cut(sealed, ":"); len(salt) != 16 {
		t.Errorf("salt %q", salt)
	}
}

func TestNewerFilesRefuseTheDatastore(t *testing.T) {
	dir := t.TempDir()
	saved := time.Now().Add(-time.Hour)
	data := Data{"PasswdFile": {Timestamp: saved, Content: []byte("old")}, "ServerCA": {Timestamp: saved, Content: []byte("ca")}}
	if err := data.Reconcile(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cred", "passwd")
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("missing file became %q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := data.Reconcile(dir)
	if err == nil || !strings.Contains(err.Error(), path+" newer than datastore and could cause a cluster outage") {
		t.Errorf("newer file: %v", err)
	}
	if err := data.Overwrite(dir); err != nil {
		t.Fatal(err)
	}
	if err := data.Reconcile(dir); err != nil {
		t.Errorf("after a reset has overwritten it: %v", err)
	}
}
