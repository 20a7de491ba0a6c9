package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// mirrorEvery is how often the distribution's directory is looked at. It takes minutes at the most, and days at the least,
// between two snapshots.
const mirrorEvery = 30 * time.Second

// mirror is what was seen of the schedule that the distribution keeps by itself.
type mirror struct {
	mu  sync.Mutex
	now mirrored
	// done are the snapshots that want nothing more, and tries how often the others were tried, both by name and version.
	done  map[string]bool
	tries map[string]int
}

type mirrored struct {
	last, next *metav1.Time
	condition  metav1.Condition
}

func (m *mirror) seen() mirrored {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *mirror) see(now mirrored) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

func (m *mirror) anew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done, m.tries = nil, nil
}

// mirrors says whether the recurring snapshots of this machine are the distribution's own affair. Holdfast tests them then,
// copies them, and tells when one does not come.
//
// They stay so until its own schedule is off, whatever the cluster's settings say: both would take snapshots of one name, and
// the distribution would prune Holdfast's.
func (a *Agent) mirrors(o orders) bool {
	_, ofKubernetes := flavours[o.Spec.Distro]
	return ofKubernetes && o.Spec.Snapshots != nil && (o.Spec.Snapshots.Scheduler != v1alpha1.SchedulerHoldfast || a.home(o).cron)
}

func (a *Agent) keepMirror(ctx context.Context) error {
	for ctx.Err() == nil {
		o, changed := a.standing.get()
		if a.mirrors(o) {
			if err := a.reflect(ctx, o); err != nil && ctx.Err() == nil {
				a.cfg.Log.Warn("the distribution's snapshots could not be looked after", "error", a.standing.redact(err.Error()))
			}
		}
		select {
		case <-ctx.Done():
		case <-changed:
			a.mirror.anew() // what was done may not be all that is wanted now
		case <-time.After(mirrorEvery):
		}
	}
	return nil
}

// reflect looks at the distribution's snapshots once, and deals with those that nobody has dealt with.
func (a *Agent) reflect(ctx context.Context, o orders) error {
	d := a.driver(o)
	inst, err := d.Discover(ctx)
	if err != nil {
		return err
	}
	if inst.SnapshotDir == "" {
		return nil
	}
	own, err := a.places(o).Local()
	if err != nil {
		return err
	}
	defer own.Close()
	list, err := own.List(ctx)
	if err != nil {
		return err
	}
	since, err := a.schedule.since(a.cfg.Now())
	if err != nil {
		return err
	}
	a.mirror.see(observe(inst, o.Spec.Snapshots.Scheduler, list, since, a.cfg.Now()))
	copied, err := a.tend(ctx, o, d, own, list)
	if !copied {
		return err
	}
	return errors.Join(err, a.pruneCopies(ctx, o, inst))
}

// pruneCopies applies retention to the copies of what the distribution took on this machine, as it does itself here.
func (a *Agent) pruneCopies(ctx context.Context, o orders, inst *distro.Installation) error {
	keep := inst.Distribution.Snapshots.Retention
	if s3 := o.Spec.Snapshots.S3; s3.Retention != nil {
		keep = *s3.Retention
	}
	member, err := distro.Look(ctx, inst.Client)
	if err != nil {
		return err
	}
	if keep < 1 || member.KubernetesUID == "" {
		return nil // all are kept, or whose a copy is can't be told
	}
	return a.pruneIn(ctx, a.places(o).Target, repository.Policy{
		Keep: int(keep), Node: inst.Distribution.NodeName, ClusterID: o.Spec.ClusterID, Foreign: true, ForeignCluster: member.KubernetesUID,
	}, false)
}
