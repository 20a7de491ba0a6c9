package k3s

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// owned are the belongings of a machine that has nothing against them.
func owned(t *testing.T, n *node) []distro.Belonging {
	t.Helper()
	all, err := n.belongings()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADatabaseOnADiskOfItsOwnIsRefusedBeforeAnythingIsStopped(t *testing.T) {
	const db = "/var/lib/rancher/k3s/server/db"
	mounts := func(at string) map[string]string {
		return map[string]string{db + "/etcd/name": "n1-0123abcd", "/proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/a rw\n36 22 8:2 / " + at + " rw - ext4 /dev/b rw\n"}
	}
	for name, test := range map[string]struct {
		n   *node
		why string
	}{
		"as it is installed":         {machine(t, K3s, server(), mounts("/srv")), ""},
		"all of it on another disk":  {machine(t, K3s, server(), mounts(db)), ""},
		"the database on another":    {machine(t, K3s, server(), mounts(db+"/etcd")), "something is mounted there"},
		"a name that begins like it": {machine(t, K3s, server(), mounts(db+"/etcd-old")), ""},
		"there is none yet":          {machine(t, K3s, server(), nil), ""},
		"a name with a space": {
			machine(t, K3s, server("--data-dir=/big disk"), map[string]string{
				"/big disk/server/db/etcd/name": "n1-0123abcd", "/proc/self/mountinfo": `36 22 8:2 / /big\040disk/server/db/etcd rw - ext4 /dev/b rw`,
			}), "something is mounted there",
		},
	} {
		_, err := test.n.belongings()
		if test.why == "" && err != nil || test.why != "" && (problem.KindOf(err) != problem.Refused || !strings.Contains(err.Error(), test.why)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	linked := machine(t, K3s, server(), map[string]string{"/fast/etcd/name": "n1-0123abcd", db + "/snapshots": "/"})
	if err := os.Symlink(linked.at("/fast/etcd"), linked.at(db, "etcd")); err != nil {
		t.Fatal(err)
	}
	if _, err := linked.belongings(); problem.KindOf(err) != problem.Refused || !strings.Contains(err.Error(), "it is a link") {
		t.Error(err)
	}
}
