package systemd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDropInStandsWhereSystemdLooksAndIsTakenAwayAgain(t *testing.T) {
	root := t.TempDir()
	u, c := Unit{Name: "etcd.service", Root: root}, Condition{DropIn: "00-holdfast-fence", File: "/var/lib/a%b/fence", Why: "Why."}
	want := filepath.Join(root, "etc/systemd/system/etcd.service.d/00-holdfast-fence.conf")
	_ = u.Bar(t.Context(), c) // there is no systemd to reload
	data, err := os.ReadFile(want)
	if err != nil || string(data) != "# Why.\n[Unit]\nConditionPathExists=!/var/lib/a%%b/fence\n" {
		t.Fatalf("%s, %v", data, err)
	}
	_ = u.Unbar(t.Context(), c)
	if _, err := os.Stat(filepath.Dir(want)); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestProcessesOfAControlGroupAreFoundAtAnyDepth(t *testing.T) {
	root := t.TempDir()
	u := Unit{Name: "etcd.service", Root: root}
	const group = "/system.slice/etcd.service"
	if !u.empty(group) || !u.empty("") {
		t.Fatal("a group that is not there has processes")
	}
	dir := filepath.Join(root, "sys/fs/cgroup", group, "below")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("12\n34\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{12, 34}, u.processes(group)); diff != "" {
		t.Error(diff)
	}
}
