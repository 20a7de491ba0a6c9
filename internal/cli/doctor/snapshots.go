package doctor

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// provenWithin is how old the newest proof may be: a proof comes with every backup when all is well.
const provenWithin = 7 * 24 * time.Hour

// snapshots is about what there is to restore from.
func (e *examination) snapshots() {
	s := &e.Cluster.Status
	if s.LastComplete == nil {
		e.add(Critical, e.cluster(), "it has no complete snapshot", "holdfast snapshot create "+e.name)
	} else if c := cell.Find(s.Conditions, v1alpha1.ClusterProtected); c != nil && c.Reason == v1alpha1.ProtectedOverdue {
		e.add(Critical, e.cluster(), join("the newest complete snapshot is "+console.Age(e.Now, s.LastComplete.Created.Time)+" old, more than the schedule promises", c.Message),
			"holdfast snapshot create "+e.name+" shows what keeps it")
	}
	switch {
	case s.LastComplete == nil:
	case s.LastProven == nil && e.restored(s.LastComplete.Name):
		e.add(Note, e.cluster(), "no snapshot was proven the same as the live cluster yet; the newest was served by a real etcd", "")
	case s.LastProven == nil:
		e.add(Warning, e.cluster(), "no snapshot was ever proven, and the newest was not restored on trial", e.verifyNewest())
	case e.Now.Sub(s.LastProven.Created.Time) > provenWithin:
		e.add(Warning, e.cluster(), "the newest proven snapshot is "+console.Age(e.Now, s.LastProven.Created.Time)+" old", e.verifyNewest())
	}
	for i := range e.Snapshots {
		e.snapshot(&e.Snapshots[i])
	}
	e.escrows()
}

// escrows tells which snapshots lie there without what else a restore on new machines needs. Where nobody is to read it, that
// is told of the cluster.
func (e *examination) escrows() {
	if e.Cluster.Spec.Distro == v1alpha1.DistroEtcd || len(e.Cluster.Spec.EscrowRecipients) == 0 {
		return
	}
	newest, bare, good := "", 0, 0
	var at time.Time
	for _, s := range e.Snapshots {
		sound := slices.DeleteFunc(slices.Clone(s.Status.Copies), func(c v1alpha1.SnapshotCopy) bool {
			return c.State == v1alpha1.StateDamaged || c.State == v1alpha1.StateMissing || c.State == v1alpha1.StateFailed
		})
		if len(sound) == 0 {
			continue
		}
		good++
		if slices.ContainsFunc(sound, func(c v1alpha1.SnapshotCopy) bool { return c.Escrow }) {
			continue
		}
		bare++
		if s.Spec.Created.After(at) {
			newest, at = s.Name, s.Spec.Created.Time
		}
	}
	if bare > 0 {
		e.add(Note, e.cluster(), fmt.Sprintf("%d of %d snapshots have no escrow beside them, the newest of these is %s: to restore one on new machines you have to bring the token",
			bare, good, newest), "keep the token of that time, until newer snapshots have taken their place")
	}
}

// restored tells whether a snapshot, or another of its backup, has stood a trial restore: one of each backup does.
func (e *examination) restored(name string) bool {
	i := slices.IndexFunc(e.Snapshots, func(s v1alpha1.EtcdSnapshot) bool { return s.Name == name })
	return i >= 0 && slices.ContainsFunc(e.Snapshots, func(s v1alpha1.EtcdSnapshot) bool {
		return s.Spec.Backup == e.Snapshots[i].Spec.Backup && (s.Status.State == v1alpha1.StateRestored || s.Status.State == v1alpha1.StateProven)
	})
}

func (e *examination) verifyNewest() string {
	if s := e.Cluster.Status.LastComplete; s != nil {
		return "holdfast snapshot verify " + s.Name
	}
	return "holdfast snapshot create " + e.name
}

func (e *examination) snapshot(s *v1alpha1.EtcdSnapshot) {
	subject := "snapshot " + s.Name
	bad := slices.DeleteFunc(slices.Clone(s.Status.Copies), func(c v1alpha1.SnapshotCopy) bool { return c.State != v1alpha1.StateDamaged })
	if len(bad) == 0 {
		return
	}
	where := bad[0].Location
	if bad[0].Machine != "" {
		where += " on " + bad[0].Machine
	}
	text, severity := fmt.Sprintf("the copy %s is damaged", where), Warning
	if len(bad) == len(s.Status.Copies) {
		text, severity = "all its copies are damaged, the first "+where, Critical
	}
	e.add(severity, subject, join(text, bad[0].Message), "holdfast snapshot show "+s.Name+"; look for a failing disk there")
}

// settings is about what the owner has chosen, or left out.
func (e *examination) settings() {
	s := &e.Cluster.Status
	spec := &e.Cluster.Spec
	edit := "holdfast cluster edit " + e.name
	if spec.Etcd.DisableSnapshots {
		e.add(Warning, e.cluster(), "recurring snapshots are turned off", edit+": remove etcd.disableSnapshots")
	} else if c := cell.Find(s.Conditions, v1alpha1.ClusterScheduled); c != nil && c.Status == metav1.ConditionFalse {
		e.add(Warning, e.cluster(), join("no recurring snapshots are taken", c.Message), edit)
	}
	if spec.Etcd.S3 == nil {
		e.add(Warning, e.cluster(), "its snapshots lie on its machines alone: whoever loses the machines loses the snapshots", edit+": set etcd.s3")
	} else if c := cell.Find(s.Conditions, v1alpha1.ClusterOffsite); c != nil && c.Status == metav1.ConditionFalse {
		e.add(Warning, e.cluster(), join("snapshots don't reach S3", c.Message), "holdfast target test "+e.name)
	}
	if c := cell.Find(s.Conditions, v1alpha1.ClusterEscrowed); c != nil && c.Status == metav1.ConditionFalse && spec.Distro != v1alpha1.DistroEtcd {
		e.add(Warning, e.cluster(), join("what a restore needs besides etcd's data (tokens, keys) is not kept with the snapshots", c.Message), edit+": set escrowRecipients")
	}
	if c := cell.Find(s.Conditions, v1alpha1.ClusterDrifted); c != nil && c.Status == metav1.ConditionTrue {
		e.add(Note, e.cluster(), join("the machines differ from spec", c.Message), edit)
	}
	if c := cell.Find(s.Conditions, v1alpha1.ClusterHostsManager); c != nil && c.Status == metav1.ConditionTrue {
		e.add(Warning, e.cluster(), join("this manager can't restore it", c.Message), "run the manager elsewhere; without it, holdfast-agent restore --local")
	}
	if spec.Etcd.S3 != nil && spec.Etcd.S3.SkipSSLVerify {
		e.add(Warning, e.cluster(), "any certificate of the S3 server is accepted: whoever is between can read and replace every backup", edit+": set etcd.s3.endpointCA instead of skipSSLVerify")
	}
}
