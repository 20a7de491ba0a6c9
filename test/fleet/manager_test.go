package fleet_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/test/lab"
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

// Nothing is left of the manager. The agents' own command restores all machines from one of their snapshots.
func TestThreeMachinesAreRestoredWithoutAnyManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	do(t, w.KillManager())
	do(t, os.RemoveAll(w.DataDir()))

	const copied, token = "/var/lib/copied.db", "after-the-loss"
	w.distribute(t, takenOn(t, made, w.Lab.Nodes[0]), w.Lab.Nodes[0], copied)
	plan, err := w.Lab.Nodes[0].Exec(t.Context(), "holdfast-agent", "restore", copied, "--initial-cluster-token", token)
	if err != nil || plan.Code == 0 {
		t.Errorf("the plan: %+v, %v", plan, err)
	}
	w.holds(t, "/a", "changed")
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range w.Lab.Nodes {
		group.Go(func() error {
			_, err := n.Run(ctx, "holdfast-agent", "restore", copied, "--initial-cluster-token", token, "--yes")
			return err
		})
	}
	do(t, group.Wait())
	do(t, w.etcd.Ready(t.Context()))
	w.holds(t, "/a", "saved")
}

// distribute copies a snapshot from the machine that holds it to one path on all of them.
func (w *world) distribute(t *testing.T, snapshot string, from *lab.Node, path string) {
	t.Helper()
	file := snapshot[:strings.LastIndex(snapshot, "-")] // the rest of the object's name is a hash
	data, err := from.ReadFile("/var/lib/holdfast/snapshots/" + file + ".db")
	do(t, err)
	for _, n := range w.Lab.Nodes {
		do(t, n.WriteFile(path, data, 0o600))
	}
}
