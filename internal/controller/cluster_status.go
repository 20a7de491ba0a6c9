package controller

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-semver/semver"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/schedule"
)

// describe writes into a status what is known.
func (s *situation) describe(status *v1alpha1.ClusterStatus) {
	status.ObservedGeneration = s.cluster.Generation
	s.count(status)
	s.observed(status)
	status.InitMachine = s.initMachine(status.InitMachine)
	status.LastComplete, status.LastProven = s.newest(complete), s.newest(proven)
	status.NextSnapshot = s.nextSnapshot()
	status.Operation = nil
	if s.holder != nil {
		status.Operation = &v1alpha1.OperationReference{Kind: s.holder.Kind, Name: s.holder.Name, Phase: s.phase, Started: s.since}
	}
	s.conditions(status)
}

func (s *situation) count(status *v1alpha1.ClusterStatus) {
	status.Machines = v1alpha1.MachineCount{Total: int32(len(s.machines))}
	for _, m := range s.machines {
		if isEtcd(&m) {
			status.Machines.Etcd++
		}
		if alive, _ := s.leases.check(client.ObjectKeyFromObject(&m)); alive {
			status.Machines.Answering++
		}
	}
}

func isEtcd(m *v1alpha1.Machine) bool { return slices.Contains(m.Spec.Roles, v1alpha1.RoleEtcd) }

func (s *situation) observed(status *v1alpha1.ClusterStatus) {
	var o v1alpha1.Observed
	for _, m := range s.machines {
		o.KubernetesVersion = oldest(o.KubernetesVersion, m.Status.DistroVersion)
		if m.Status.Etcd != nil {
			o.EtcdVersion = oldest(o.EtcdVersion, m.Status.Etcd.Version)
		}
		o.ConfigDigest = cmp.Or(o.ConfigDigest, m.Status.ConfigDigest)
	}
	if s.cluster.Spec.Distro == v1alpha1.DistroEtcd {
		o.KubernetesVersion = ""
	}
	if want := s.cluster.Spec.KubernetesVersion; want != "" && o.KubernetesVersion != "" && want != o.KubernetesVersion {
		o.Drift = append(o.Drift, "kubernetesVersion")
	}
	status.Observed = o
}

// oldest of two versions; what is no version is newer than everything.
func oldest(a, b string) string {
	switch {
	case a == "" || b == "":
		return cmp.Or(a, b)
	}
	va, errA := semver.NewVersion(strings.TrimPrefix(a, "v"))
	vb, errB := semver.NewVersion(strings.TrimPrefix(b, "v"))
	if errB != nil || errA == nil && !vb.LessThan(*va) {
		return a
	}
	return b
}

func complete(state v1alpha1.SnapshotState) bool {
	switch state {
	case v1alpha1.StateComplete, v1alpha1.StateChecked, v1alpha1.StateRestored:
		return true
	}
	return proven(state)
}

func proven(state v1alpha1.SnapshotState) bool { return state == v1alpha1.StateProven }

// newest of those that are good. The machines of a cluster save in the same second, and the cache lists in any order: the
// choice must not change from one look to the next, as each change is a write.
func (s *situation) newest(good func(v1alpha1.SnapshotState) bool) *v1alpha1.SnapshotReference {
	var best *v1alpha1.EtcdSnapshot
	for i := range s.snapshots {
		e := &s.snapshots[i]
		if !good(e.Status.State) || e.Status.Available == 0 {
			continue
		}
		if best == nil || best.Spec.Created.Before(&e.Spec.Created) || best.Spec.Created.Equal(&e.Spec.Created) && e.Name < best.Name {
			best = e
		}
	}
	if best == nil {
		return nil
	}
	return &v1alpha1.SnapshotReference{Name: best.Name, File: best.Spec.File, Created: best.Spec.Created}
}

// nextSnapshot is the earliest that a machine announces, else what the schedule says on the manager's clock.
func (s *situation) nextSnapshot() *metav1.Time {
	var next *metav1.Time
	for _, m := range s.machines {
		if t := m.Status.NextSchedule; t != nil && t.After(s.Now()) && (next == nil || t.Before(next)) {
			next = t
		}
	}
	if next != nil || len(s.machines) == 0 {
		return next
	}
	if when, err := schedule.Parse(effective(s.cluster).Cron); err == nil {
		at := metav1.NewTime(when.Next(s.Now()).Truncate(time.Second))
		return &at
	}
	return nil
}

func (s *situation) conditions(status *v1alpha1.ClusterStatus) {
	set := func(kind string, yes bool, reason, message string) {
		value := metav1.ConditionFalse
		if yes {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: message, ObservedGeneration: s.cluster.Generation,
		})
	}
	ready, why := s.ready()
	set(v1alpha1.ClusterReady, ready, choose(ready, "Healthy", "NotHealthy"), why)
	scheduled := !s.cluster.Spec.Etcd.DisableSnapshots
	set(v1alpha1.ClusterScheduled, scheduled, choose(scheduled, "Scheduled", "NoSchedule"),
		choose(scheduled, "recurring snapshots are on", "recurring snapshots are off: set spec.etcd.disableSnapshots to false"))
	offsite, why := s.offsite()
	set(v1alpha1.ClusterOffsite, offsite, choose(offsite, "CopiedToS3", "NotOffsite"), why)
	escrowed := len(s.cluster.Spec.EscrowRecipients) > 0
	set(v1alpha1.ClusterEscrowed, escrowed, choose(escrowed, "HasRecipients", "NoRecipients"),
		choose(escrowed, "keys and certificates are kept with the snapshots, encrypted", "nothing but etcd's data is kept: set spec.escrowRecipients"))
	drifted := len(status.Observed.Drift) > 0
	set(v1alpha1.ClusterDrifted, drifted, choose(drifted, "Differs", "AsSpecified"),
		choose(drifted, "the machines differ from spec in "+strings.Join(status.Observed.Drift, ", "), "the machines are as spec says"))
	if uid := s.kubernetesUID(); uid != "" && s.Home != "" {
		hosts := uid == s.Home
		set(v1alpha1.ClusterHostsManager, hosts, choose(hosts, "SameKubernetes", "OtherKubernetes"), choose(hosts,
			"the manager keeps its own objects in this cluster: both have a namespace kube-system with the UID "+uid,
			"the manager keeps its objects in another Kubernetes"))
	}
	reason, why := s.protection(status, scheduled, offsite)
	set(v1alpha1.ClusterProtected, reason == v1alpha1.ProtectedAsPromised, reason, why)
}

// kubernetesUID of the cluster, as its machines tell it: that of the manager's own Kubernetes if any machine says so. Empty
// while none tells, as when etcd is down: then what was known stays.
func (s *situation) kubernetesUID() (uid string) {
	for _, m := range s.machines {
		if e := m.Status.Etcd; e != nil && uid != s.Home {
			uid = cmp.Or(e.KubernetesUID, uid)
		}
	}
	return uid
}

func hostsManager(status *v1alpha1.ClusterStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ClusterHostsManager)
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func (s *situation) ready() (bool, string) {
	if !s.only {
		return false, "the namespace has an older Cluster: each needs a namespace of its own"
	}
	var bad []string
	etcd := 0
	for _, m := range s.machines {
		if !isEtcd(&m) {
			continue
		}
		etcd++
		healthy := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.MachineEtcdHealthy)
		switch alive, seen := s.leases.check(client.ObjectKeyFromObject(&m)); {
		case !alive && seen.IsZero():
			bad = append(bad, m.Name+" has never been heard of")
		case !alive:
			bad = append(bad, m.Name+" does not answer")
		case healthy == nil:
			bad = append(bad, m.Name+" has not told how etcd is")
		case healthy.Status != metav1.ConditionTrue:
			bad = append(bad, m.Name+": "+cmp.Or(healthy.Message, "etcd is not healthy"))
		}
	}
	switch {
	case etcd == 0:
		return false, "no machine with etcd has joined: see holdfast machine join"
	case len(bad) > 0:
		return false, strings.Join(bad, "; ")
	}
	return true, fmt.Sprintf("etcd is healthy on %d machines", etcd)
}

func (s *situation) offsite() (bool, string) {
	switch {
	case s.cluster.Spec.Etcd.S3 == nil:
		return false, "snapshots lie on the machines alone, and are lost with them: set spec.etcd.s3"
	case s.listing.err != nil:
		return false, "the manager can't list the S3 folder: " + s.listing.err.Error()
	}
	return true, "snapshots are copied to s3://" + s.cluster.Spec.Etcd.S3.Bucket + "/" + s.cluster.Spec.Etcd.S3.Folder
}

// protection compares the last complete snapshot with what the schedule promises: one in twice the interval.
func (s *situation) protection(status *v1alpha1.ClusterStatus, scheduled, offsite bool) (reason, message string) {
	if status.LastComplete == nil {
		return v1alpha1.ProtectedNoSnapshot, "there is no complete snapshot"
	}
	limit := 2 * interval(effective(s.cluster), s.Now())
	switch {
	case limit > 0 && s.Now().Sub(status.LastComplete.Created.Time) > limit:
		return v1alpha1.ProtectedOverdue, "the last complete snapshot is older than two intervals of the schedule"
	case !scheduled:
		return v1alpha1.ProtectedNoSchedule, "recurring snapshots are off"
	case !offsite:
		return v1alpha1.ProtectedLocalOnly, "the snapshots are on the machines alone: see condition Offsite"
	}
	return v1alpha1.ProtectedAsPromised, "the last complete snapshot is as young as the schedule promises"
}

// next is when the cluster's state may change without anything happening.
func (s *situation) next() time.Duration {
	if limit := interval(effective(s.cluster), s.Now()); limit > 0 {
		return min(max(limit/4, time.Minute), time.Hour)
	}
	return time.Hour
}
