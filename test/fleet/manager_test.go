package fleet_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
)

func TestALostManagerComesBackFromItsOwnBackupAndNoAgentIsTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	before := w.save(t)
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	do(t, os.WriteFile(passphrase, []byte(rand.Text()+"\n"), 0o600))
	vault := "file://" + t.TempDir()
	_, err := w.RunServer(t.Context(), "backup", "--repo", vault, "--backup-passphrase-file", passphrase)
	do(t, err)

	do(t, w.KillManager())
	do(t, os.RemoveAll(w.DataDir()))
	_, err = w.RunServer(t.Context(), "restore", "--repo", vault, "--latest", "--passphrase-file", passphrase)
	do(t, err)
	do(t, w.StartManager(t.Context()))

	w.healthy(t)
	all, err := w.Snapshots(t.Context(), name)
	do(t, err)
	if len(all) != 1 || all[0].Name != before[0] {
		t.Errorf("snapshots %v, want %v", all, before)
	}
	if made := w.save(t); len(made) != 1 {
		t.Errorf("the next save made %v", made)
	}
}
