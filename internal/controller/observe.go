package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// observe reads what an operation's next decision rests on. Plans and lock are read past the cache, because decisions
// follow from what is stored, not from what was.
func (k *kit) observe(ctx context.Context, cluster *v1alpha1.Cluster) (*operation.Observed, error) {
	in := client.InNamespace(cluster.Namespace)
	o := &operation.Observed{Now: k.Now(), Cluster: cluster}
	var err error
	if o.Holder, err = k.holder(ctx, cluster.Namespace); err != nil {
		return nil, err
	}
	var plans v1alpha1.MachinePlanList
	if err := k.live.List(ctx, &plans, in); err != nil {
		return nil, err
	}
	byName := map[string]v1alpha1.MachinePlan{}
	for _, p := range plans.Items {
		byName[p.Name] = p
	}
	var machines v1alpha1.MachineList
	if err := k.List(ctx, &machines, in); err != nil {
		return nil, err
	}
	for _, m := range machines.Items {
		alive, seen := k.leases.check(client.ObjectKeyFromObject(&m))
		o.Machines = append(o.Machines, operation.Machine{Machine: m, Plan: byName[m.Name], Alive: alive, Seen: seen})
	}
	var snapshots v1alpha1.EtcdSnapshotList
	if err := k.List(ctx, &snapshots, in); err != nil {
		return nil, err
	}
	o.Snapshots = snapshots.Items
	var restores v1alpha1.EtcdSnapshotRestoreList
	if err := k.List(ctx, &restores, in); err != nil {
		return nil, err
	}
	o.Last = operation.LastRestore(cluster, restores.Items)
	return o, nil
}
