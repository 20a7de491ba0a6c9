package operation

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// resolve finds the copy that the source means.
func (d *draft) resolve(source v1alpha1.RestoreSource) {
	approved := d.status.Plan
	switch {
	case d.status.Stage == stageLock && approved != nil && approved.Snapshot != nil:
		// The copy that was approved, whatever is the newest or the nearest by now.
		d.exactly(approved.Snapshot.Location, approved.Snapshot.Machine, approved.Snapshot.File)
	case source.Survivor != "":
		d.survivor(source.Survivor)
	case source.Snapshot != "":
		d.use(d.snapshot(source.Snapshot), "there is no EtcdSnapshot "+source.Snapshot)
	case source.LatestProven:
		d.use(d.latestProven(), "no snapshot is proven, or restored in a test: name the one to take")
	case source.At != nil:
		d.use(d.at(source.At.Time), "no good snapshot is as old as "+stamp(source.At.Time))
	case source.S3URI != "":
		d.object(source.S3URI)
	case source.File != "":
		d.file(source.File)
	}
}

func (d *draft) survivor(name string) {
	m := d.machine(name)
	switch {
	case m == nil || !m.has(v1alpha1.RoleEtcd):
		d.check("Survivor", name, checkFailed, "the cluster has no such machine with etcd")
	case !m.Alive:
		d.check("Survivor", name, checkFailed, m.silent())
	case m.Status.Etcd == nil || m.Status.Etcd.ID == "":
		d.check("Survivor", name, checkFailed, "its member gives no answer, and its data can't be read: start it")
	default:
		d.plan.Survivor, d.plan.InitMachine = name, name
		for _, other := range d.etcdMachines() {
			if e := other.Status.Etcd; e != nil && other.Alive && e.RaftIndex > m.Status.Etcd.RaftIndex {
				d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf("%s has seen more than %s: it would lose less", other.Name, name))
			}
		}
		found := "its member answers"
		if m.Status.Etcd.Offline {
			found = fmt.Sprintf("its member gives no answer; on its disk there is data up to revision %d", m.Status.Etcd.Revision)
		}
		d.check("Survivor", name, checkPassed, found)
	}
}

func good(s v1alpha1.SnapshotState) bool {
	switch s {
	case v1alpha1.StateComplete, v1alpha1.StateChecked, v1alpha1.StateRestored, v1alpha1.StateProven:
		return true
	}
	return false
}

// newest of the snapshots that fit.
func (d *draft) newest(fits func(*v1alpha1.EtcdSnapshot) bool) *v1alpha1.EtcdSnapshot {
	var best *v1alpha1.EtcdSnapshot
	for i := range d.Snapshots {
		s := &d.Snapshots[i]
		if !fits(s) || s.Status.Available == 0 {
			continue
		}
		if best == nil || cmp.Or(s.Spec.Created.Compare(best.Spec.Created.Time), cmp.Compare(best.Name, s.Name)) > 0 {
			best = s
		}
	}
	return best
}

func (d *draft) latestProven() *v1alpha1.EtcdSnapshot {
	for _, newest := range []func(func(*v1alpha1.EtcdSnapshot) bool) *v1alpha1.EtcdSnapshot{d.newestInReach, d.newest} {
		for _, state := range []v1alpha1.SnapshotState{v1alpha1.StateProven, v1alpha1.StateRestored} {
			if s := newest(func(s *v1alpha1.EtcdSnapshot) bool { return s.Status.State == state }); s != nil {
				return s
			}
		}
	}
	return nil
}

func (d *draft) at(t time.Time) *v1alpha1.EtcdSnapshot {
	fits := func(s *v1alpha1.EtcdSnapshot) bool { return good(s.Status.State) && !s.Spec.Created.After(t) }
	return cmp.Or(d.newestInReach(fits), d.newest(fits))
}

// newestInReach passes over those whose copies all lie on machines that do not answer: whoever asks for no certain snapshot
// wants the best that can be had, and is told of what is newer.
func (d *draft) newestInReach(fits func(*v1alpha1.EtcdSnapshot) bool) *v1alpha1.EtcdSnapshot {
	best := d.newest(func(s *v1alpha1.EtcdSnapshot) bool {
		return fits(s) && slices.ContainsFunc(s.Status.Copies, func(c v1alpha1.SnapshotCopy) bool { return d.unreachable(&c) == "" })
	})
	if newest := d.newest(fits); best != nil && newest != best {
		d.check("SnapshotGood", "-", checkWarning, newest.Spec.File+" is newer, and no copy of it can be reached")
	}
	return best
}

// use plans with a snapshot's best copy that can be reached.
func (d *draft) use(s *v1alpha1.EtcdSnapshot, otherwise string) {
	if s == nil {
		d.check("SnapshotFound", "-", checkFailed, otherwise)
		return
	}
	var best *v1alpha1.SnapshotCopy
	var missing []string
	for i := range s.Status.Copies {
		c := &s.Status.Copies[i]
		switch why := d.unreachable(c); {
		case why != "":
			missing = append(missing, c.Location+": "+why)
		case best == nil || d.better(c, best):
			best = c
		}
	}
	if best == nil {
		d.check("SnapshotFound", "-", checkFailed, s.Spec.File+" has no copy that can be reached: "+strings.Join(missing, "; "))
		return
	}
	created := s.Spec.Created
	d.plan.Snapshot = &v1alpha1.PlannedSnapshot{
		Name: s.Name, File: s.Spec.File, Location: best.Location, Machine: best.Machine, SHA256: best.SHA256, Size: best.Size,
		Created: &created, Revision: s.Spec.Revision, State: best.State,
	}
	d.plan.InitMachine = best.Machine
	d.check("SnapshotFound", "-", checkPassed, s.Spec.File+" at "+best.Location)
	if best.State == v1alpha1.StateSuspect {
		d.check("SnapshotGood", "-", checkWarning, "it is suspect: "+best.Message)
	}
}

func (d *draft) unreachable(c *v1alpha1.SnapshotCopy) string {
	switch c.State {
	case v1alpha1.StateDamaged, v1alpha1.StateFailed, v1alpha1.StateMissing:
		return string(c.State) + " " + c.Message
	}
	if c.Machine == "" {
		return ""
	}
	m := d.machine(c.Machine)
	if m == nil {
		return "machine " + c.Machine + " was removed"
	}
	if !m.Alive {
		return c.Machine + ": " + m.silent()
	}
	return ""
}

// better tells whether a is to be preferred: the better tested, then what initMachine holds, then what lies on a machine.
func (d *draft) better(a, b *v1alpha1.SnapshotCopy) bool {
	wish := func(c *v1alpha1.SnapshotCopy) int {
		n := 0
		if good(c.State) {
			n += 4
		}
		if c.Machine != "" && c.Machine == d.spec.InitMachine {
			n += 2
		}
		if c.Machine != "" {
			n++
		}
		return n
	}
	return cmp.Or(wish(a)-wish(b), strings.Compare(b.Machine, a.Machine), strings.Compare(b.Location, a.Location)) > 0
}

// object is a copy in S3, which the catalogue may know.
func (d *draft) object(uri string) {
	t := d.Cluster.Spec.Etcd.S3
	if t == nil || !strings.HasPrefix(uri, "s3://"+path.Join(t.Bucket, t.Folder)+"/") {
		d.check("SnapshotFound", "-", checkFailed, uri+" does not lie in the cluster's S3 folder: set spec.etcd.s3 of the Cluster to where it lies")
		return
	}
	d.exactly(uri, "", path.Base(uri))
}

// file is a path on a machine, or a name.
func (d *draft) file(file string) {
	var holders []v1alpha1.SnapshotCopy
	for _, s := range d.Snapshots {
		for _, c := range s.Status.Copies {
			if c.Machine != "" && (c.Location == file || path.Base(c.Location) == file || s.Spec.File == file) {
				holders = append(holders, c)
			}
		}
	}
	if i := slices.IndexFunc(holders, func(c v1alpha1.SnapshotCopy) bool { return c.Machine == d.spec.InitMachine }); i >= 0 {
		holders = holders[i : i+1]
	}
	switch {
	case len(holders) == 1:
		d.exactly(holders[0].Location, holders[0].Machine, path.Base(file))
	case len(holders) > 1:
		d.check("SnapshotFound", "-", checkFailed, file+" lies on several machines: name one as initMachine")
	case d.spec.InitMachine == "":
		d.check("SnapshotFound", "-", checkFailed, "no machine's inventory has "+file+": name the machine that holds it as initMachine")
	case d.machine(d.spec.InitMachine) == nil:
		d.check("SnapshotFound", "-", checkFailed, "the cluster has no machine "+d.spec.InitMachine)
	default:
		d.exactly(file, d.spec.InitMachine, path.Base(file))
	}
}

// exactly plans with one copy, with what the catalogue knows of it.
func (d *draft) exactly(location, machine, file string) {
	p := &v1alpha1.PlannedSnapshot{File: file, Location: location, Machine: machine, State: v1alpha1.StateUnverified}
	for _, s := range d.Snapshots {
		for _, c := range s.Status.Copies {
			if c.Location == location && c.Machine == machine {
				created := s.Spec.Created
				p.Name, p.File, p.SHA256, p.Size, p.State, p.Created, p.Revision = s.Name, s.Spec.File, c.SHA256, c.Size, c.State, &created, s.Spec.Revision
			}
		}
	}
	if why := d.unreachable(&v1alpha1.SnapshotCopy{Machine: machine, CopyFacts: v1alpha1.CopyFacts{State: p.State}}); why != "" {
		d.check("SnapshotFound", "-", checkFailed, location+": "+why)
		return
	}
	d.plan.Snapshot, d.plan.InitMachine = p, machine
	d.check("SnapshotFound", "-", checkPassed, location)
}
