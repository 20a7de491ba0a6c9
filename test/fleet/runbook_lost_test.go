package fleet_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
)

// allLost: what is left is the bucket. The new machines have other names and addresses, and nobody has told them the token.
func allLost(t *testing.T, f distro.Flavor) {
	a := adopt(t, f, 1)
	old := a.Lab.Nodes
	a.put(t, "test-a", "saved")
	made := a.save(t)
	a.put(t, "test-b", "lost")
	a.loses(t, old)
	added, err := a.Lab.Add(t.Context(), 2)
	do(t, err)
	token := filepath.Join(t.TempDir(), "token")
	do(t, os.WriteFile(token, []byte(standin.Token+"\n"), 0o600))
	r := a.opens(t, "k3s-all-lost.md", map[string]string{
		"LOST": names(old), "NEW": names(added), "FIRST": added[0].Name, "SNAPSHOT": made[0], "TOKEN": token, "KUBECTL": a.kubectl(),
	})
	r.follows(t, "1. Choose the snapshot")
	a.installs(t, added, nil) // step 2
	r.follows(t, "3. Forget the old machines")
	for _, n := range added {
		r.follows(t, "4. Have the new ones join the manager")
		r.runsPrinted(t, n)
		a.awaitDistribution(t, n)
	}
	r.follows(t, "5. Restore", "6. Check")
	a.isBack(t, added, "test-a=saved")
	a.allVoteOn(t, added)
	r.isDone(t)
}
