package controller_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controller"
)

// TestAtRestOnlyLeasesAreWritten: what a fleet of thousands does all day must not make the manager write anything.
func TestAtRestOnlyLeasesAreWritten(t *testing.T) {
	b := newBench(t, controller.Config{})
	b.renew = 20 * time.Millisecond
	c := b.cluster("one", plain, "a", "b", "c")
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "now")}
	b.create(save)
	b.eventually("the save has ended", func() bool {
		return b.get(save) && save.Status.Phase.Ended() && len(save.Finalizers) == 0 && b.get(c) && c.Status.Operation == nil && c.Status.LastComplete != nil
	})
	before := b.versions(c.Namespace)
	renewed, last := 0, ""
	b.eventually("the leases were renewed a hundred times", func() bool {
		lease := &coordinationv1.Lease{ObjectMeta: in(c.Namespace, "a")}
		if b.get(lease) && lease.ResourceVersion != last {
			renewed, last = renewed+1, lease.ResourceVersion
		}
		return renewed >= 100
	})
	if diff := cmp.Diff(before, b.versions(c.Namespace)); diff != "" {
		t.Error(diff)
	}
}

// versions of all objects in a namespace but leases.
func (b *bench) versions(namespace string) map[string]string {
	b.t.Helper()
	all := map[string]string{}
	for kind, list := range map[string]client.ObjectList{
		"cluster": &v1alpha1.ClusterList{}, "machine": &v1alpha1.MachineList{}, "plan": &v1alpha1.MachinePlanList{},
		"inventory": &v1alpha1.MachineInventoryList{}, "snapshot": &v1alpha1.EtcdSnapshotList{}, "save": &v1alpha1.EtcdSnapshotSaveList{},
	} {
		if err := b.client.List(b.t.Context(), list, client.InNamespace(namespace)); err != nil {
			b.t.Fatal(err)
		}
		switch l := list.(type) {
		case *v1alpha1.ClusterList:
			note(all, kind, l.Items)
		case *v1alpha1.MachineList:
			note(all, kind, l.Items)
		case *v1alpha1.MachinePlanList:
			note(all, kind, l.Items)
		case *v1alpha1.MachineInventoryList:
			note(all, kind, l.Items)
		case *v1alpha1.EtcdSnapshotList:
			note(all, kind, l.Items)
		case *v1alpha1.EtcdSnapshotSaveList:
			note(all, kind, l.Items)
		}
	}
	return all
}

func note[T any, P interface {
	*T
	client.Object
}](all map[string]string, kind string, items []T) {
	for i := range items {
		o := P(&items[i])
		all[kind+" "+o.GetName()] = o.GetResourceVersion()
	}
}

func TestAChangeOfTheConfigurationIsPrecededByASnapshot(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a")
	b.eventually("the specification is known", func() bool { return b.get(c) && c.Status.SpecDigest != "" })
	c.Spec.Config = &v1alpha1.ClusterConfig{Etcd: &v1alpha1.EtcdConfig{Unit: "etcd3.service"}}
	if err := b.client.Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	var saves v1alpha1.EtcdSnapshotSaveList
	b.eventually("a snapshot was taken", func() bool {
		return b.client.List(t.Context(), &saves, client.InNamespace(c.Namespace)) == nil && len(saves.Items) == 1 &&
			saves.Items[0].Status.Phase == v1alpha1.PhaseFinished && saves.Items[0].Spec.PreChange
	})
	b.eventually("no operation is under way", func() bool { return b.get(c) && c.Status.Operation == nil })
	c.Spec.Etcd.SnapshotScheduleCron = "0 1 * * *"
	if err := b.client.Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m := &v1alpha1.Machine{ObjectMeta: in(c.Namespace, "a")}
	b.eventually("the schedule is changed", func() bool { return b.get(m) && m.Spec.Snapshots.Cron == "0 1 * * *" })
	if err := b.client.List(t.Context(), &saves, client.InNamespace(c.Namespace)); err != nil || len(saves.Items) != 1 {
		t.Errorf("a schedule is no configuration of the cluster: %d saves, %v", len(saves.Items), err)
	}
}
