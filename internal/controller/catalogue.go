package controller

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// catalogue makes the EtcdSnapshots of a cluster out of its machines' inventories and its S3 folder. It is a cache: an
// EtcdSnapshot that somebody deletes comes back as long as there is a copy, and no byte is touched.
type catalogue struct{ *kit }

func (k *kit) addCatalogue(mgr manager.Manager) error {
	deleted := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return builder.ControllerManagedBy(mgr).Named("Catalogue").
		Watches(&v1alpha1.MachineInventory{}, handler.EnqueueRequestsFromMapFunc(k.toCluster)).
		Watches(&v1alpha1.EtcdSnapshot{}, handler.EnqueueRequestsFromMapFunc(k.toCluster), builder.WithPredicates(deleted)).
		WatchesRawSource(told(k.wake)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&catalogue{k})
}

// Reconcile brings the list of one cluster up to date.
func (r *catalogue) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := new(v1alpha1.Cluster)
	if err := r.Get(ctx, request.NamespacedName, cluster); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if cluster.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	var existing v1alpha1.EtcdSnapshotList
	if err := r.List(ctx, &existing, client.InNamespace(cluster.Namespace)); err != nil {
		return reconcile.Result{}, err
	}
	copies, err := r.copies(ctx, cluster, existing.Items)
	if err != nil {
		return reconcile.Result{}, err
	}
	return retry(r.apply(ctx, cluster, compile(copies), existing.Items))
}

// copies are all that is known to lie anywhere. What could not be looked at is taken to be as it was.
func (r *catalogue) copies(ctx context.Context, cluster *v1alpha1.Cluster, before []v1alpha1.EtcdSnapshot) ([]found, error) {
	var inventories v1alpha1.MachineInventoryList
	if err := r.List(ctx, &inventories, client.InNamespace(cluster.Namespace)); err != nil {
		return nil, err
	}
	listing := r.found.get(client.ObjectKeyFromObject(cluster))
	looked := map[string]bool{}
	var all []found
	for _, inv := range inventories.Items {
		looked[inv.Name] = inv.Status.Scanned != nil
		// The folder's own listing knows better, unless the machine has looked since. It tells the second.
		outdated := listing.known && (inv.Status.Scanned == nil || inv.Status.Scanned.Add(time.Second).Before(listing.at))
		for _, f := range inv.Status.Files {
			if remote(f.Location) && outdated {
				continue
			}
			all = append(all, found{machine: inv.Name, SnapshotFile: f})
		}
	}
	for _, f := range listing.files {
		all = append(all, found{SnapshotFile: f})
	}
	s3 := cluster.Spec.Etcd.S3 != nil
	for _, s := range before {
		for _, c := range s.Status.Copies {
			present, exists := looked[c.Machine]
			if c.Machine == "" && s3 && !listing.known || c.Machine != "" && exists && !present {
				all = append(all, found{machine: c.Machine, SnapshotFile: v1alpha1.SnapshotFile{
					Location: c.Location, File: s.Spec.File, SnapshotFacts: s.Spec.SnapshotFacts, CopyFacts: c.CopyFacts,
				}})
			}
		}
	}
	return all, nil
}

func remote(location string) bool { return strings.HasPrefix(location, "s3://") }

// apply makes the EtcdSnapshots what they should be.
func (r *catalogue) apply(ctx context.Context, cluster *v1alpha1.Cluster, wanted map[string]*v1alpha1.EtcdSnapshot, existing []v1alpha1.EtcdSnapshot) error {
	for i := range existing {
		have := &existing[i]
		want := wanted[have.Name]
		delete(wanted, have.Name)
		switch {
		case have.DeletionTimestamp != nil:
		case want == nil:
			if err := r.Delete(ctx, have); client.IgnoreNotFound(err) != nil {
				return err
			}
		default:
			if err := r.update(ctx, have.DeepCopy(), want); err != nil {
				return err
			}
		}
	}
	for _, want := range wanted {
		want.Namespace = cluster.Namespace
		want.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cluster, v1alpha1.GroupVersion().WithKind("Cluster"))}
		status := want.Status
		if err := r.Create(ctx, want); err != nil {
			return err
		}
		want.Status = status
		if err := r.Status().Update(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

func (r *catalogue) update(ctx context.Context, have, want *v1alpha1.EtcdSnapshot) error {
	if have.Spec.Config != nil && have.Spec.ConfigDigest == want.Spec.ConfigDigest {
		want.Spec.Config = have.Spec.Config // the inventory has moved it to another file, or spells it differently
	}
	if !equality.Semantic.DeepEqual(have.Spec, want.Spec) {
		have.Spec = want.Spec
		if err := r.Update(ctx, have); err != nil {
			return err
		}
	}
	if equality.Semantic.DeepEqual(have.Status, want.Status) {
		return nil
	}
	have.Status = want.Status
	return r.Status().Update(ctx, have)
}
