package fleet_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// stageTimeout bounds an operation at which something happens. It takes a minute or two; the rest is for a busy machine.
const stageTimeout = 15 * time.Minute

// event happens once, at a moment of an operation, while the agent that came to it waits.
type event struct {
	kind step.Kind
	at   strike.At
	// on is the machine; nil is the first one that comes to it.
	on *lab.Node
	do func(context.Context) error

	once sync.Once
	came bool
	err  error
}

func (e *event) moment(ctx context.Context, m strike.Moment) {
	if m.Kind != e.kind || m.At != e.at || e.on != nil && m.Machine != e.on.Name {
		return
	}
	e.once.Do(func() { e.came, e.err = true, e.do(ctx) })
}

// stage is a cluster in care at whose operations something happens.
type stage struct {
	*adoption
	watch *strike.Watch
}

// newStage brings up a cluster of servers that keeps its snapshots on its own disks.
func newStage(t *testing.T, f distro.Flavor, servers int) *stage {
	t.Helper()
	return newStageAs(t, f, servers, func(cfg *standin.Config, nodes []*lab.Node) { cfg.Servers = nodes })
}

// newStageAs brings up one of machines that are arranged in some way. Its own schedule is one that does not come up.
func newStageAs(t *testing.T, f distro.Flavor, machines int, arrange func(*standin.Config, []*lab.Node)) *stage {
	t.Helper()
	cfg := standin.Config{Flavor: f, Settings: map[string]any{"etcd-snapshot-schedule-cron": "0 0 1 1 *"}}
	a := running(t, &cfg, machines, arrange)
	a.takenIntoCare(t, nil)
	a.save(t) // there is a journal when an agent has had a plan
	watch, err := strike.NewWatch(a.Lab.Nodes, a.server())
	do(t, err)
	t.Cleanup(func() { do(t, watch.Close()) })
	return &stage{a, watch}
}

// with does something during which these events must come. Nothing may have run behind a fence.
func (s *stage) with(t *testing.T, operation func(), events ...*event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stageTimeout)
	defer cancel()
	s.watch.Tell(func(m strike.Moment) {
		for _, e := range events {
			e.moment(ctx, m)
		}
	})
	defer s.watch.Tell(nil)
	operation()
	s.watch.Tell(nil)
	for _, e := range events {
		if !e.came {
			t.Errorf("%s %s never came", e.kind, e.at)
		}
		if e.err != nil {
			t.Errorf("%s %s: %v", e.kind, e.at, e.err)
		}
	}
	if err := s.watch.Wrong(); err != nil {
		t.Error(err)
	}
}

// restore asks for a restore and follows it to its end.
func (s *stage) restore(t *testing.T, args ...string) (r v1alpha1.EtcdSnapshotRestore, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stageTimeout)
	defer cancel()
	_, err = s.Run(ctx, append([]string{"restore", "create", name, "--yes"}, args...)...)
	do(t, s.Read(ctx, &r, "restore", "status", name))
	return r, err
}

// copyOf is where a snapshot lies, on the machine that took it.
func (s *stage) copyOf(t *testing.T, snapshot string) (*lab.Node, string) {
	t.Helper()
	all, err := s.Snapshots(t.Context(), name)
	do(t, err)
	i := slices.IndexFunc(all, func(e v1alpha1.EtcdSnapshot) bool { return e.Name == snapshot })
	if i < 0 || len(all[i].Status.Copies) == 0 {
		t.Fatalf("there is no copy of %s", snapshot)
	}
	c := all[i].Status.Copies[0]
	n := slices.IndexFunc(s.Lab.Nodes, func(n *lab.Node) bool { return n.Name == c.Machine })
	return s.Lab.Nodes[n], c.Location
}

// holdsExactly checks that members have the very content of a snapshot, by its hash.
func (s *stage) holdsExactly(t *testing.T, snapshot string, nodes ...*lab.Node) {
	t.Helper()
	all, err := s.Snapshots(t.Context(), name)
	do(t, err)
	i := slices.IndexFunc(all, func(e v1alpha1.EtcdSnapshot) bool { return e.Name == snapshot })
	if i < 0 {
		t.Fatalf("there is no snapshot %s", snapshot)
	}
	client, err := s.distro.Etcd()
	do(t, err)
	for _, n := range nodes {
		if err := (kubeGround{client, s.adoption}).holds(t.Context(), n, all[i].Spec); err != nil {
			t.Error(err)
		}
	}
}

// soaked are both flavours when soaking, and none otherwise.
func soaked() []distro.Flavor {
	if soaking() {
		return []distro.Flavor{distro.K3s(), distro.RKE2()}
	}
	return nil
}
