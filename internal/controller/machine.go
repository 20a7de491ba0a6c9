package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// machines reconciles what only the manager can say of a machine: whether it answers, and whether its data is of before
// a restore. All else in its status is the agent's.
type machines struct{ *kit }

func (k *kit) addMachines(mgr manager.Manager) error {
	epochs := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.Machine), e.ObjectNew.(*v1alpha1.Machine)
		return before.Status.RestoreEpoch != after.Status.RestoreEpoch || before.Generation != after.Generation ||
			!equality.Semantic.DeepEqual(before.Status.Conditions, after.Status.Conditions)
	}}
	return builder.ControllerManagedBy(mgr).Named("Machine").For(&v1alpha1.Machine{}, builder.WithPredicates(epochs)).
		WatchesRawSource(told(k.leases.changed)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&machines{k})
}

// Reconcile writes the conditions Ready and Stale.
func (r *machines) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	m := new(v1alpha1.Machine)
	if err := r.Get(ctx, request.NamespacedName, m); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	before := m.DeepCopy()
	r.ready(m)
	r.stale(m)
	if equality.Semantic.DeepEqual(before.Status, m.Status) {
		return reconcile.Result{}, nil
	}
	// The agent writes conditions, too: what it wrote meanwhile must not be lost.
	return retry(r.Status().Patch(ctx, m, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

func (r *machines) ready(m *v1alpha1.Machine) {
	c := metav1.Condition{Type: v1alpha1.MachineReady, Status: metav1.ConditionTrue, Reason: "Answering", Message: "its agent renews its lease"}
	switch alive, seen := r.leases.check(client.ObjectKeyFromObject(m)); {
	case !alive && seen.IsZero():
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, "NeverSeen", "its agent has never renewed its lease"
	case !alive:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "Silent", "its agent has not renewed its lease for a minute"
	case meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.MachineFenced):
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "Fenced", "an operation keeps its distribution from starting"
	}
	meta.SetStatusCondition(&m.Status.Conditions, c)
}

// stale goes by the epoch that the machine was told and the one that it reports.
func (r *machines) stale(m *v1alpha1.Machine) {
	// Whether its member runs does not matter: the agent has stopped it.
	if isEtcd(m) && m.Status.RestoreEpoch < m.Spec.RestoreEpoch && m.Status.ObservedGeneration > 0 {
		meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{
			Type: v1alpha1.MachineStale, Status: metav1.ConditionTrue, Reason: "OldEpoch",
			Message: fmt.Sprintf("it holds data of epoch %d, the cluster is at %d", m.Status.RestoreEpoch, m.Spec.RestoreEpoch),
		})
		return
	}
	meta.RemoveStatusCondition(&m.Status.Conditions, v1alpha1.MachineStale)
}
