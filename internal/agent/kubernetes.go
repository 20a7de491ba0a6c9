package agent

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

// kubernetes keeps the driver of a Kubernetes distribution, which remembers what is costly to ask, and where it was seen to
// keep its snapshots: a machine does not forget that while its configuration can't be read.
type kubernetes struct {
	mu     sync.Mutex
	driver *k3s.Driver
	distro v1alpha1.Distro
	home   home
}

// home is where a machine's snapshots lie, and its name in theirs.
type home struct {
	dir, node string
	// cron: the distribution takes recurring ones by itself.
	cron bool
}

var flavours = map[v1alpha1.Distro]k3s.Flavour{v1alpha1.DistroK3s: k3s.K3s, v1alpha1.DistroRKE2: k3s.RKE2}

// of returns the driver of a distribution; nil when it is none of these.
func (k *kubernetes) of(name v1alpha1.Distro, cfg Config, s *supervise.Supervisor) *k3s.Driver {
	flavour, known := flavours[name]
	if !known {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.distro != name {
		k.driver, k.distro, k.home = k3s.New(k3s.Config{
			Flavour: flavour, Unit: cfg.Unit, Supervisor: s, StateDir: cfg.StateDir, ArtifactDir: cfg.Artifacts.Dir, ArtifactURL: cfg.Artifacts.URL, Log: cfg.Log,
		}), name, home{}
	}
	return k.driver
}

// lookTime bounds a look at units and files.
const lookTime = 10 * time.Second

// at says where the machine's snapshots lie now, or where they did last.
func (k *kubernetes) at(d *k3s.Driver) home {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	inst, err := d.Discover(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		own := inst.Distribution.Snapshots
		k.home = home{dir: inst.SnapshotDir, node: inst.Distribution.NodeName, cron: own != nil && !own.Disabled}
	}
	return k.home
}

// home of this machine.
func (a *Agent) home(o orders) home {
	if d := a.kubernetes.of(o.Spec.Distro, a.cfg, a.supervisor); d != nil {
		return a.kubernetes.at(d)
	}
	h := home{dir: a.cfg.snapshotDir(), node: a.cfg.Node}
	if h.node == "" {
		h.node = snapshot.CleanNode(a.cfg.Hostname)
	}
	return h
}

// places of this machine. A Kubernetes distribution's own directory holds its snapshots and nothing else.
func (a *Agent) places(o orders) place.Places {
	h := a.home(o)
	p := place.Places{Dir: h.dir, Host: a.cfg.Hostname, Keys: o.Keys, Log: a.cfg.Log}
	if d := a.kubernetes.of(o.Spec.Distro, a.cfg, a.supervisor); d != nil {
		p.Own = func() (blob.Store, error) { return d.Store(h.dir, filepath.Join(a.cfg.StateDir, "notes")) }
	}
	if o.Spec.Snapshots != nil {
		p.S3 = o.Spec.Snapshots.S3
	}
	return p
}

// node is the machine's name in the names of snapshots.
func (a *Agent) node() string {
	o, _ := a.standing.get()
	if name := a.home(o).node; name != "" {
		return name
	}
	return snapshot.CleanNode(a.cfg.Hostname)
}

// memberless says why a machine has no etcd of its own; empty when it has one. For a worker, or a server that uses the etcd
// of others, that is as it should be.
func memberless(inst *distro.Installation) (reason, message string) {
	if inst.Distribution == nil {
		return "", ""
	}
	switch inst.Distribution.Datastore {
	case v1alpha1.DatastoreSQLite:
		return "SQLite", "the cluster's datastore is SQLite, of which no snapshots can be taken: move it to embedded etcd by starting its first server once with --cluster-init"
	case v1alpha1.DatastoreExternal:
		return "ExternalDatastore", "the cluster's datastore is outside of it (datastore-endpoint): back it up with its own tools"
	case v1alpha1.DatastoreNone:
		return "NoEtcd", "this machine has no etcd of its own: the snapshots are taken on those that have"
	}
	return "", ""
}

// etcd says whether the machine is to have a member.
func (o orders) etcd() bool { return slices.Contains(o.Spec.Roles, v1alpha1.RoleEtcd) }
