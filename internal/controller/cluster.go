package controller

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
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

// AnnotationAdoptID on a new Cluster gives it the id of one that was lost with its manager, so that it owns that one's
// S3 folder.
const AnnotationAdoptID = "holdfast.dev/adopt-id"

// idIndex finds clusters by their id.
const idIndex = "status.id"

// clusters reconciles Clusters: identity, machines' settings, and what is known of them.
type clusters struct{ *kit }

func (k *kit) addClusters(mgr manager.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Cluster{}, idIndex, func(o client.Object) []string {
		return []string{o.(*v1alpha1.Cluster).Status.ID}
	})
	if err != nil {
		return err
	}
	locks := predicate.NewPredicateFuncs(func(object client.Object) bool { return object.GetName() == LockName })
	phases := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return phaseIn(e.ObjectOld) != phaseIn(e.ObjectNew) }}
	secrets := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return secretOf(e.ObjectOld.(*v1alpha1.MachinePlan)) != secretOf(e.ObjectNew.(*v1alpha1.MachinePlan))
	}}
	mapped := handler.EnqueueRequestsFromMapFunc(k.toCluster)
	return builder.ControllerManagedBy(mgr).Named("Cluster").For(&v1alpha1.Cluster{}).
		Watches(&v1alpha1.Machine{}, mapped).
		Watches(&v1alpha1.MachinePlan{}, mapped, builder.WithPredicates(secrets)).
		Watches(&v1alpha1.EtcdSnapshot{}, mapped).
		Watches(&coordinationv1.Lease{}, mapped, builder.WithPredicates(locks)).
		Watches(&v1alpha1.EtcdSnapshotSave{}, mapped, builder.WithPredicates(phases)).
		Watches(&v1alpha1.EtcdSnapshotTask{}, mapped, builder.WithPredicates(phases)).
		Watches(&v1alpha1.EtcdSnapshotRestore{}, mapped, builder.WithPredicates(phases)).
		WatchesRawSource(told(k.found.listed)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&clusters{k})
}

// Reconcile brings one cluster up to date.
func (r *clusters) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	c := new(v1alpha1.Cluster)
	if err := r.Get(ctx, request.NamespacedName, c); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if done, result, err := r.deletion(ctx, c); done {
		return result, err
	}
	s, err := r.look(ctx, c)
	if err != nil {
		return reconcile.Result{}, err
	}
	status := *c.Status.DeepCopy()
	if status.ID == "" {
		if status.ID, err = r.newID(ctx, c); err != nil {
			return reconcile.Result{}, err
		}
		status.UUID = string(c.UID)
	}
	s.describe(&status)
	if err := r.beforeChange(ctx, c, &status); err != nil {
		return retry(err)
	}
	if !equality.Semantic.DeepEqual(status, c.Status) {
		if hostsManager(&status) && !hostsManager(&c.Status) {
			r.recorder.Eventf(c, nil, "Warning", v1alpha1.ClusterHostsManager, "Observe",
				"the manager keeps its own objects in this cluster: it is saved, and not restored")
		}
		c.Status = status
		if err := r.Status().Update(ctx, c); err != nil {
			return retry(err)
		}
	}
	if err := r.instruct(ctx, c, s); err != nil {
		return retry(err)
	}
	return reconcile.Result{RequeueAfter: s.next()}, nil
}

// newID makes an id that no other cluster has, the same each time that it is asked for.
func (r *clusters) newID(ctx context.Context, c *v1alpha1.Cluster) (string, error) {
	if wanted := c.Annotations[AnnotationAdoptID]; wanted != "" {
		free, err := r.free(ctx, wanted)
		if err != nil {
			return "", err
		}
		if free {
			return wanted, nil
		}
		r.recorder.Eventf(c, nil, "Warning", "IDTaken", "Identify", "another cluster has the id %s: a new one is made", wanted)
	}
	for i := 0; ; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", c.UID, i))
		text := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
		id := "c-" + text[:5]
		if free, err := r.free(ctx, id); free || err != nil {
			return id, err
		}
	}
}

func (r *clusters) free(ctx context.Context, id string) (bool, error) {
	var all v1alpha1.ClusterList
	err := r.List(ctx, &all, client.MatchingFields{idIndex: id})
	return len(all.Items) == 0, err
}

// situation is what is known of a cluster.
type situation struct {
	*clusters
	cluster   *v1alpha1.Cluster
	only      bool
	machines  []v1alpha1.Machine
	snapshots []v1alpha1.EtcdSnapshot
	holder    *v1alpha1.PlanOperation
	since     *metav1.Time
	phase     v1alpha1.Phase
	listing   listing
}

func (r *clusters) look(ctx context.Context, c *v1alpha1.Cluster) (*situation, error) {
	s := &situation{clusters: r, cluster: c, listing: r.found.get(client.ObjectKeyFromObject(c))}
	in := client.InNamespace(c.Namespace)
	first, err := r.clusterOf(ctx, c.Namespace)
	if err != nil {
		return nil, err
	}
	s.only = first == nil || first.Name == c.Name
	var machines v1alpha1.MachineList
	if err := r.List(ctx, &machines, in); err != nil {
		return nil, err
	}
	s.machines = machines.Items
	var snapshots v1alpha1.EtcdSnapshotList
	if err := r.List(ctx, &snapshots, in); err != nil {
		return nil, err
	}
	s.snapshots = snapshots.Items
	var lease coordinationv1.Lease
	if err := r.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: LockName}, &lease); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	s.holder = holderOf(&lease)
	if s.phase, err = r.phaseOf(ctx, c.Namespace, s.holder); err != nil {
		return nil, err
	}
	if lease.Spec.AcquireTime != nil {
		at := metav1.NewTime(lease.Spec.AcquireTime.Time)
		s.since = &at
	}
	return s, nil
}
