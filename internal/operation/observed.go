package operation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Observed is everything that a decision rests on, besides the operation itself.
type Observed struct {
	Now     time.Time
	Cluster *v1alpha1.Cluster
	// Machines of the cluster, in any order.
	Machines []Machine
	// Snapshots of the cluster. Only restores and tasks look at them.
	Snapshots []v1alpha1.EtcdSnapshot
	// Last is the restore that made the cluster what it is; nil when there was none, or nobody knows it any more.
	Last *v1alpha1.EtcdSnapshotRestore
	// Holder of the cluster's lock; nil when it is free.
	Holder *v1alpha1.PlanOperation
}

// Machine is a machine with its plan, and whether it is there.
type Machine struct {
	v1alpha1.Machine
	// Plan of the machine. Without a name when there is none, which happens only to machines that never enrolled whole.
	Plan v1alpha1.MachinePlan
	// Alive: its lease was renewed in time. Seen is when that was last.
	Alive bool
	Seen  time.Time
}

func (m *Machine) has(role v1alpha1.Role) bool { return slices.Contains(m.Spec.Roles, role) }

func (m *Machine) is(condition string) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, condition)
}

func (m *Machine) leads() bool { return m.Status.Etcd != nil && m.Status.Etcd.Role == "leader" }

// silent says since when nothing was heard of it.
func (m *Machine) silent() string {
	if m.Seen.IsZero() {
		return "it has never been heard of"
	}
	return "it has not been heard of since " + stamp(m.Seen)
}

// unready says why no snapshot can be taken on the machine; empty when one can.
func (m *Machine) unready() string {
	switch healthy := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.MachineEtcdHealthy); {
	case !m.Alive:
		return m.silent()
	case m.Plan.Name == "":
		return "it has no MachinePlan: let it join again"
	case m.unfinished() != "":
		return m.unfinished()
	case m.is(v1alpha1.MachineFenced):
		return "an operation keeps etcd from starting on it"
	case m.is(v1alpha1.MachineStale):
		return "it holds data of before a restore"
	case m.Status.Etcd == nil:
		return "no etcd member has been seen on it"
	case m.Status.Etcd.Role == "learner":
		return "its member is a learner"
	case healthy == nil:
		return "it has not told how its member is"
	case healthy.Status != "True":
		return cmp.Or(healthy.Message, "its member is not healthy")
	}
	return ""
}

// etcdMachines of the cluster, by name.
func (o *Observed) etcdMachines() []*Machine {
	var all []*Machine
	for i := range o.Machines {
		if o.Machines[i].has(v1alpha1.RoleEtcd) {
			all = append(all, &o.Machines[i])
		}
	}
	slices.SortFunc(all, func(a, b *Machine) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func (o *Observed) machine(name string) *Machine {
	for i := range o.Machines {
		if o.Machines[i].Name == name {
			return &o.Machines[i]
		}
	}
	return nil
}

func (o *Observed) snapshot(name string) *v1alpha1.EtcdSnapshot {
	for i := range o.Snapshots {
		if o.Snapshots[i].Name == name {
			return &o.Snapshots[i]
		}
	}
	return nil
}

// stamp is a time as operators read it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// about is a duration as operators read it: two units at most.
func about(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours and %d minutes", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days and %d hours", int(d.Hours())/24, int(d.Hours())%24)
}
