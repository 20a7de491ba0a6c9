package fleet_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/fleet"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// name of the cluster in every test.
const name = "prod"

// operationTimeout bounds a save or a restore. They take seconds.
const operationTimeout = 3 * time.Minute

// world is one cluster under a manager.
type world struct {
	*fleet.Fleet
	etcd *etcd.Cluster
}

// plan of a world. The zero value of all but members is a plain one.
type plan struct {
	members int
	etcd    etcd.Config
	// flags of "cluster create".
	flags func(*lab.Lab) []string
}

// newWorld brings up machines with etcd, a manager, and an agent on each machine.
func newWorld(t *testing.T, p plan) *world {
	t.Helper()
	needPrograms(t)
	p.etcd.Version = cmp.Or(p.etcd.Version, "3.6")
	servertest.Tool(t, "etcd-"+p.etcd.Version)
	l := labtest.New(t, lab.Config{}, p.members)
	p.etcd.Dir, p.etcd.Nodes = t.TempDir(), l.Nodes
	c, err := etcd.Install(t.Context(), p.etcd)
	do(t, err)
	w := &world{Fleet: newFleet(t, l), etcd: c}
	create := []string{"cluster", "create", name, "--distro", "etcd"}
	if p.flags != nil {
		create = append(create, p.flags(l)...)
	}
	w.run(t, create...)
	for _, n := range l.Nodes {
		do(t, w.Join(t.Context(), n, name))
	}
	do(t, w.Ready(t.Context(), name, p.members))
	return w
}

// part of a test. The parts of one test share its machines, because it takes time to bring them up; each leaves a healthy
// cluster.
type part struct {
	name string
	test func(*testing.T, *world)
}

func (w *world) inTurn(t *testing.T, parts []part) {
	for _, p := range parts {
		if !t.Run(p.name, func(t *testing.T) { p.test(t, w) }) {
			t.FailNow() // what it left is nobody's condition
		}
	}
}

func needPrograms(t *testing.T) {
	t.Helper()
	if err := fleet.Built(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// newFleet starts a manager, and kills it with the test.
func newFleet(t *testing.T, l *lab.Lab) *fleet.Fleet {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleet") // t.TempDir has a long name, and the manager's etcd has sockets in it
	do(t, err)
	t.Cleanup(func() { do(t, os.RemoveAll(dir)) })
	f, err := fleet.New(t.Context(), l, dir)
	do(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the manager's log ends with:\n%s", server.LogTail(f.ManagerLog()))
		}
		do(t, f.KillManager())
	})
	return f
}

// run runs holdfast; it may take as long as an operation.
func (w *world) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	out, err := w.Run(ctx, args...)
	do(t, err)
	return out
}

func (w *world) write(t *testing.T, key, value string) {
	t.Helper()
	do(t, w.etcd.Write(t.Context(), w.Lab.Nodes[0], key, value))
}

// holds checks what every member has under a key; "" is nothing.
func (w *world) holds(t *testing.T, key, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), catchUp)
	defer cancel()
	for _, n := range w.Lab.Nodes {
		do(t, lab.Until(ctx, n.Name+" to hold "+key, func(ctx context.Context) error {
			got, err := w.etcd.Value(ctx, n, key)
			if err == nil && got != want {
				err = fmt.Errorf("it has %q, want %q", got, want)
			}
			return err
		}))
	}
}

// catchUp is how long a member may be behind a write that the others have taken.
const catchUp = 30 * time.Second

// good are the snapshots of a trigger that could be restored.
func (w *world) good(ctx context.Context, trigger string) ([]v1alpha1.EtcdSnapshot, error) {
	all, err := w.Snapshots(ctx, name)
	var good []v1alpha1.EtcdSnapshot
	for _, s := range all {
		if s.Spec.Trigger == trigger && s.Status.Available > 0 {
			good = append(good, s)
		}
	}
	return good, err
}

// awaitSnapshots waits until there are so many of a trigger.
func (w *world) awaitSnapshots(t *testing.T, trigger string, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, fmt.Sprintf("%d %s snapshots", count, trigger), func(ctx context.Context) error {
		good, err := w.good(ctx, trigger)
		if err == nil && len(good) < count {
			err = fmt.Errorf("there are %d", len(good))
		}
		return err
	}))
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
