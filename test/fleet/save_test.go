package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
)

func TestASaveOfThreeMachines(t *testing.T) {
	t.Parallel()
	newWorld(t, plan{members: 3}).inTurn(t, []part{
		{"reaches every machine, and each copy can be verified", saveAndVerify},
		{"does without a member that is down", saveWithoutOne},
		{"may be cut by a power cut, and the next one is whole", saveUnderPowerCut},
		{"ends though the manager is killed meanwhile", saveUnderKill},
		{"is refused where the disk is nearly full, and made elsewhere", saveWithFullDisk},
	})
}

func saveAndVerify(t *testing.T, w *world) {
	made := w.save(t)
	if len(made) != 3 {
		t.Errorf("snapshots of three members: %v", made)
	}
	w.run(t, append([]string{"snapshot", "verify", "--level", "restore"}, made...)...)
	all, err := w.Snapshots(t.Context(), name)
	do(t, err)
	var nodes []string
	for _, s := range all {
		nodes = append(nodes, s.Spec.Node)
		for _, c := range s.Status.Copies {
			passed := slices.ContainsFunc(c.Evidence, func(e v1alpha1.Evidence) bool { return e.Level == "restore" && e.Outcome == "passed" })
			if !passed {
				t.Errorf("%s on %s: %+v", s.Name, c.Machine, c.Evidence)
			}
		}
	}
	slices.Sort(nodes)
	if !slices.Equal(nodes, []string{"node1", "node2", "node3"}) {
		t.Errorf("nodes %v", nodes)
	}
}

func saveWithoutOne(t *testing.T, w *world) {
	gone := w.Lab.Nodes[2]
	do(t, gone.PowerCut(t.Context()))
	w.awaitAnswering(t, 2)
	if made := w.save(t); len(made) != 2 {
		t.Errorf("snapshots of two members: %v", made)
	}
	do(t, gone.Start(t.Context()))
	w.healthy(t)
}

func saveUnderPowerCut(t *testing.T, w *world) {
	n := w.Lab.Nodes[0]
	ended := w.background(t, "snapshot", "create", name)
	do(t, n.PowerCut(t.Context()))
	do(t, n.Start(t.Context()))
	t.Logf("the save ended: %v", <-ended) // either way
	w.healthy(t)
	if made := w.save(t); len(made) != 3 {
		t.Errorf("the next save made %v", made)
	}
	w.noneDamaged(t)
}

func saveUnderKill(t *testing.T, w *world) {
	before, err := w.good(t.Context(), "manual")
	do(t, err)
	_, err = w.Run(t.Context(), "snapshot", "create", name, "--no-wait")
	do(t, err)
	do(t, w.KillManager())
	do(t, w.StartManager(t.Context()))
	w.awaitSnapshots(t, "manual", len(before)+3)
	w.healthy(t)
}

// The disk keeps what a save would take from etcd. Room for the snapshot alone is not enough.
func saveWithFullDisk(t *testing.T, w *world) {
	full := w.Lab.Nodes[1]
	do(t, full.FillDisk(200<<20))
	before, err := w.good(t.Context(), "manual")
	do(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	_, err = w.Run(ctx, "snapshot", "create", name)
	if err == nil || !strings.Contains(err.Error(), full.Name) || !strings.Contains(err.Error(), "must stay free") {
		t.Errorf("a save on a full disk: %v", err)
	}
	w.awaitSnapshots(t, "manual", len(before)+2)
	do(t, full.FreeDisk())
	if made := w.save(t); len(made) != 3 {
		t.Errorf("the next save made %v", made)
	}
	w.healthy(t)
}

func TestEtcdIsFoundHoweverItsUnitIsWritten(t *testing.T) {
	t.Parallel()
	for version, style := range map[string]etcd.Style{"3.5": etcd.Environment, "3.7": etcd.File} {
		t.Run(version+" "+string(style), func(t *testing.T) {
			w := newWorld(t, plan{members: 1, etcd: etcd.Config{Version: version, Style: style}})
			restore(t, w)
			owner, err := w.Lab.Nodes[0].Run(t.Context(), "stat", "-c", "%U %a", etcd.DataDir)
			if err != nil || owner != "etcd 700\n" {
				t.Errorf("the restored data belongs to %s, %v", owner, err)
			}
		})
	}
}

func TestAJoinLineWorksForOneMachine(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	l := labtest.New(t, lab.Config{}, 2)
	f := newFleet(t, l)
	_, err := f.Run(t.Context(), "cluster", "create", name, "--distro", "etcd")
	do(t, err)
	line, err := f.JoinLine(t.Context(), name)
	do(t, err)
	one, two := l.Nodes[0], l.Nodes[1]

	other := strings.Replace(line, "sha256//", "sha256//AAAA", 1)
	if r, err := one.Exec(t.Context(), "sh", "-c", other); err != nil || r.Code == 0 && !strings.Contains(r.Stderr, "curl") {
		t.Errorf("a manager with another key: %+v, %v", r, err)
	}
	if _, err := one.ReadFile("/etc/systemd/system/holdfast-agent.service"); err == nil {
		t.Error("what another manager says was done")
	}
	_, err = one.Run(t.Context(), "sh", "-c", line)
	do(t, err)
	r, err := two.Exec(t.Context(), "sh", "-c", line)
	if err != nil || r.Code == 0 {
		t.Errorf("the second machine: %+v, %v", r, err)
	}
	var machines v1alpha1.MachineList
	do(t, f.Read(t.Context(), &machines, "machine", "ls", name))
	if len(machines.Items) != 1 || machines.Items[0].Name != one.Name {
		t.Errorf("machines: %+v", machines.Items)
	}
	for _, path := range []string{"/var/lib/holdfast", "/var/lib/holdfast/identity"} {
		if mode, err := one.Run(t.Context(), "stat", "-c", "%U %a", path); err != nil || mode != "root 700\n" {
			t.Errorf("%s: %s, %v", path, mode, err)
		}
	}
}

// save takes a snapshot and returns the names of what it made.
func (w *world) save(t *testing.T) []string {
	t.Helper()
	return strings.Fields(w.run(t, "snapshot", "create", name, "-o", "name"))
}

// background runs holdfast beside the test and tells how it ended.
func (w *world) background(t *testing.T, args ...string) <-chan error {
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout) // it may have to wait for another one
	t.Cleanup(cancel)
	go func() {
		_, err := w.Run(ctx, args...)
		ended <- err
	}()
	return ended
}

// healthy waits until etcd and the manager's view of it are as in the beginning.
func (w *world) healthy(t *testing.T) {
	t.Helper()
	do(t, w.etcd.Ready(t.Context()))
	do(t, w.Ready(t.Context(), name, len(w.Lab.Nodes)))
}

func (w *world) awaitAnswering(t *testing.T, count int32) {
	t.Helper()
	do(t, lab.Until(t.Context(), fmt.Sprintf("%d machines to answer", count), func(ctx context.Context) error {
		c, err := w.Cluster(ctx, name)
		if err == nil && c.Status.Machines.Answering != count {
			err = fmt.Errorf("%d do", c.Status.Machines.Answering)
		}
		return err
	}))
}

func (w *world) noneDamaged(t *testing.T) {
	t.Helper()
	all, err := w.Snapshots(t.Context(), name)
	do(t, err)
	for _, s := range all {
		if s.Status.State == v1alpha1.StateDamaged || s.Status.State == v1alpha1.StateUnverified {
			t.Errorf("%s is %s", s.Name, s.Status.State)
		}
	}
}
