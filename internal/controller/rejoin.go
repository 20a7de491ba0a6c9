package controller

import (
	"context"
	"time"

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

// rejoins asks for restores that make machines members again which missed one.
type rejoins struct{ *kit }

func (k *kit) addRejoins(mgr manager.Manager) error {
	conditions := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.Machine), e.ObjectNew.(*v1alpha1.Machine)
		return !equality.Semantic.DeepEqual(before.Status.Conditions, after.Status.Conditions)
	}}
	mapped := handler.EnqueueRequestsFromMapFunc(k.toCluster)
	return builder.ControllerManagedBy(mgr).Named("Rejoin").
		For(&v1alpha1.Cluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Machine{}, mapped, builder.WithPredicates(conditions)).
		Watches(&v1alpha1.EtcdSnapshotRestore{}, mapped).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&rejoins{k})
}

// rejoinSettle lets what was just written arrive in the cache, so that it is not asked for twice.
const rejoinSettle = 2 * time.Second

// Reconcile makes one decision and carries it out.
func (r *rejoins) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := new(v1alpha1.Cluster)
	if err := r.Get(ctx, request.NamespacedName, cluster); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	first, err := r.clusterOf(ctx, cluster.Namespace)
	if err != nil || first == nil || first.Name != cluster.Name || cluster.DeletionTimestamp != nil || cluster.Spec.Distro == v1alpha1.DistroRKE {
		return reconcile.Result{}, err
	}
	var restores v1alpha1.EtcdSnapshotRestoreList
	if err := r.List(ctx, &restores, client.InNamespace(cluster.Namespace)); err != nil {
		return reconcile.Result{}, err
	}
	if len(restores.Items) == 0 && cluster.Status.RestoreEpoch == 0 {
		return reconcile.Result{}, nil // nobody can have missed one
	}
	seen, err := r.observe(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	d := operation.DecideRejoin(seen, restores.Items)
	switch {
	case d.Create != nil:
		err = r.Create(ctx, d.Create)
		if err == nil {
			machine := d.Create.Spec.Source.Replace
			r.recorder.Eventf(cluster, d.Create, corev1.EventTypeNormal, "Rejoin", "Rejoin",
				"machine %s holds data of before a restore: restore %s makes it a member again", machine, d.Create.Name)
		}
	case d.Change != nil:
		err = r.Update(ctx, d.Change)
	case d.Delete != nil:
		err = client.IgnoreNotFound(r.Delete(ctx, d.Delete))
	default:
		return reconcile.Result{RequeueAfter: d.After}, nil
	}
	if err != nil {
		return retry(err)
	}
	return reconcile.Result{RequeueAfter: rejoinSettle}, nil
}
