package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// handovers asks for tasks that turn a distribution's own schedule off, or on again.
type handovers struct{ *kit }

func (k *kit) addHandovers(mgr manager.Manager) error {
	distribution := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.Machine), e.ObjectNew.(*v1alpha1.Machine)
		return !equality.Semantic.DeepEqual(before.Status.Distribution, after.Status.Distribution)
	}}
	mapped := handler.EnqueueRequestsFromMapFunc(k.toCluster)
	return builder.ControllerManagedBy(mgr).Named("Handover").
		For(&v1alpha1.Cluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Machine{}, mapped, builder.WithPredicates(distribution)).
		Watches(&v1alpha1.EtcdSnapshotTask{}, mapped).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&handovers{k})
}

// Reconcile makes one decision and carries it out.
func (h *handovers) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := new(v1alpha1.Cluster)
	if err := h.Get(ctx, request.NamespacedName, cluster); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	first, err := h.clusterOf(ctx, cluster.Namespace)
	if err != nil || first == nil || first.Name != cluster.Name || cluster.DeletionTimestamp != nil || !schedulesItself(cluster.Spec.Distro) {
		return reconcile.Result{}, err
	}
	var tasks v1alpha1.EtcdSnapshotTaskList
	if err := h.List(ctx, &tasks, client.InNamespace(cluster.Namespace)); err != nil {
		return reconcile.Result{}, err
	}
	seen, err := h.observe(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	d := operation.DecideHandover(seen, tasks.Items)
	if d.Create == nil {
		return reconcile.Result{RequeueAfter: d.After}, nil
	}
	if err := h.Create(ctx, d.Create); err != nil {
		return retry(err)
	}
	h.recorder.Eventf(cluster, d.Create, corev1.EventTypeNormal, "Handover", "Handover",
		"task %s hands the schedule over to %s: it restarts one server after the other", d.Create.Name, d.Create.Spec.Scheduler)
	return reconcile.Result{RequeueAfter: rejoinSettle}, nil
}

// schedulesItself says whether a distribution has a schedule in its servers' configuration.
func schedulesItself(d v1alpha1.Distro) bool {
	return d == v1alpha1.DistroK3s || d == v1alpha1.DistroRKE2
}
