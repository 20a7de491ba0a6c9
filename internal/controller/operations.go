package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// finalizer keeps an operation's object until the operation has ended and no machine has anything of it to take back.
const finalizer = "holdfast.dev/operation"

// workers of the controllers that wait for the API more than they compute.
const workers = 8

// decided is what a reconciler of one kind of operation does with its object: it puts the new status into it, and
// returns whether that differs from the stored one.
type decided[T client.Object] func(object T, seen *operation.Observed) (operation.Decision, bool)

// operations reconciles one kind of operation.
type operations[T client.Object] struct {
	*kit
	kind   string
	empty  func() T
	phase  func(T) v1alpha1.Phase
	decide decided[T]
	list   func(context.Context, client.InNamespace) ([]T, error)
}

func (k *kit) addOperations(mgr manager.Manager) error {
	saves := &operations[*v1alpha1.EtcdSnapshotSave]{
		kit: k, kind: "EtcdSnapshotSave",
		empty: func() *v1alpha1.EtcdSnapshotSave { return new(v1alpha1.EtcdSnapshotSave) },
		phase: func(o *v1alpha1.EtcdSnapshotSave) v1alpha1.Phase { return o.Status.Phase },
		decide: func(o *v1alpha1.EtcdSnapshotSave, seen *operation.Observed) (operation.Decision, bool) {
			status, d := operation.DecideSave(o, seen)
			changed := !equality.Semantic.DeepEqual(status, o.Status)
			o.Status = status
			return d, changed
		},
		list: func(ctx context.Context, in client.InNamespace) ([]*v1alpha1.EtcdSnapshotSave, error) {
			var all v1alpha1.EtcdSnapshotSaveList
			err := k.List(ctx, &all, in)
			return pointers(all.Items), err
		},
	}
	tasks := &operations[*v1alpha1.EtcdSnapshotTask]{
		kit: k, kind: "EtcdSnapshotTask",
		empty: func() *v1alpha1.EtcdSnapshotTask { return new(v1alpha1.EtcdSnapshotTask) },
		phase: func(o *v1alpha1.EtcdSnapshotTask) v1alpha1.Phase { return o.Status.Phase },
		decide: func(o *v1alpha1.EtcdSnapshotTask, seen *operation.Observed) (operation.Decision, bool) {
			status, d := operation.DecideTask(o, seen)
			changed := !equality.Semantic.DeepEqual(status, o.Status)
			o.Status = status
			return d, changed
		},
		list: func(ctx context.Context, in client.InNamespace) ([]*v1alpha1.EtcdSnapshotTask, error) {
			var all v1alpha1.EtcdSnapshotTaskList
			err := k.List(ctx, &all, in)
			return pointers(all.Items), err
		},
	}
	restores := &operations[*v1alpha1.EtcdSnapshotRestore]{
		kit: k, kind: "EtcdSnapshotRestore",
		empty: func() *v1alpha1.EtcdSnapshotRestore { return new(v1alpha1.EtcdSnapshotRestore) },
		phase: func(o *v1alpha1.EtcdSnapshotRestore) v1alpha1.Phase { return o.Status.Phase },
		decide: func(o *v1alpha1.EtcdSnapshotRestore, seen *operation.Observed) (operation.Decision, bool) {
			status, d := operation.DecideRestore(o, seen)
			changed := !equality.Semantic.DeepEqual(status, o.Status)
			o.Status = status
			return d, changed
		},
		list: func(ctx context.Context, in client.InNamespace) ([]*v1alpha1.EtcdSnapshotRestore, error) {
			var all v1alpha1.EtcdSnapshotRestoreList
			err := k.List(ctx, &all, in)
			return pointers(all.Items), err
		},
	}
	return errors.Join(saves.add(mgr), tasks.add(mgr), restores.add(mgr))
}

func pointers[T any](items []T) []*T {
	list := make([]*T, len(items))
	for i := range items {
		list[i] = &items[i]
	}
	return list
}

// add watches the operations themselves, the answers of machines, and the lock that others wait for.
func (o *operations[T]) add(mgr manager.Manager) error {
	answered := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.MachinePlan), e.ObjectNew.(*v1alpha1.MachinePlan)
		return !equality.Semantic.DeepEqual(before.Status, after.Status)
	}}
	locks := predicate.NewPredicateFuncs(func(object client.Object) bool { return object.GetName() == LockName })
	return builder.ControllerManagedBy(mgr).Named(o.kind).For(o.empty()).
		Watches(&v1alpha1.MachinePlan{}, handler.EnqueueRequestsFromMapFunc(o.running), builder.WithPredicates(answered)).
		Watches(&v1alpha1.Machine{}, handler.EnqueueRequestsFromMapFunc(o.running), builder.WithPredicates(predicate.Funcs{
			UpdateFunc: func(e event.UpdateEvent) bool {
				before, after := e.ObjectOld.(*v1alpha1.Machine), e.ObjectNew.(*v1alpha1.Machine)
				return !equality.Semantic.DeepEqual(before.Status.Conditions, after.Status.Conditions)
			},
		})).
		Watches(&coordinationv1.Lease{}, handler.EnqueueRequestsFromMapFunc(o.running), builder.WithPredicates(locks)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(o)
}

// running operations of the namespace.
func (o *operations[T]) running(ctx context.Context, object client.Object) []reconcile.Request {
	all, err := o.list(ctx, client.InNamespace(object.GetNamespace()))
	if err != nil {
		return nil
	}
	var requests []reconcile.Request
	for _, op := range all {
		if !o.phase(op).Ended() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(op)})
		}
	}
	return requests
}

// Reconcile makes one decision and carries it out. What is left over when it is cut short follows from what it stored.
func (o *operations[T]) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	object := o.empty()
	if err := o.live.Get(ctx, request.NamespacedName, object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	cluster, err := o.clusterOf(ctx, request.Namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	if cluster == nil {
		return o.orphan(ctx, object)
	}
	if object.GetDeletionTimestamp() == nil && !o.phase(object).Ended() && controllerutil.AddFinalizer(object, finalizer) {
		if err := o.Update(ctx, object); err != nil {
			return retry(err)
		}
	}
	seen, err := o.observe(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	before := o.phase(object)
	decision, changed := o.decide(object, seen)
	if changed {
		if err := o.Status().Update(ctx, object); err != nil {
			return retry(err)
		}
		o.tell(object, decision.Events)
		o.ended(cluster, before, o.phase(object))
		return reconcile.Result{RequeueAfter: decision.After}, nil
	}
	if err := o.carryOut(ctx, cluster, object, seen, decision); err != nil {
		return retry(err)
	}
	if decision.After == 0 && o.phase(object).Ended() {
		return reconcile.Result{}, errors.Join(o.letGo(ctx, object, seen), o.forget(ctx, request.Namespace))
	}
	return reconcile.Result{RequeueAfter: decision.After}, nil
}

// orphan is an operation in a namespace without a cluster: nothing of it can be running.
func (o *operations[T]) orphan(ctx context.Context, object T) (reconcile.Result, error) {
	if object.GetDeletionTimestamp() != nil && controllerutil.RemoveFinalizer(object, finalizer) {
		return retry(o.Update(ctx, object))
	}
	o.recorder.Eventf(object, nil, corev1.EventTypeWarning, "NoCluster", o.kind, "namespace %s has no Cluster: it waits for one", object.GetNamespace())
	return reconcile.Result{RequeueAfter: 10 * lifetime}, nil
}

// carryOut does what was decided besides the status.
func (o *operations[T]) carryOut(ctx context.Context, cluster *v1alpha1.Cluster, object T, seen *operation.Observed, d operation.Decision) error {
	op := v1alpha1.PlanOperation{Kind: o.kind, Name: object.GetName(), UID: string(object.GetUID())}
	if d.Epoch > 0 {
		if err := o.raise(ctx, cluster, d.Epoch, d.Becomes); err != nil {
			return err
		}
	}
	switch d.Lock {
	case operation.LockTake:
		if err := o.take(ctx, cluster, op); err != nil {
			return err
		}
	case operation.LockRelease:
		if err := o.release(ctx, cluster.Namespace, op); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Plans)) {
		i := slices.IndexFunc(seen.Machines, func(m operation.Machine) bool { return m.Name == name })
		plan := seen.Machines[i].Plan.DeepCopy()
		if plan.Name == "" {
			continue
		}
		plan.Spec = d.Plans[name]
		if err := o.Update(ctx, plan); err != nil {
			return fmt.Errorf("store the plan of machine %s: %w", name, err)
		}
	}
	return nil
}

// letGo lets the object be deleted, once no machine has anything of it.
func (o *operations[T]) letGo(ctx context.Context, object T, seen *operation.Observed) error {
	for _, m := range seen.Machines {
		if op := m.Plan.Spec.Operation; op != nil && op.UID == string(object.GetUID()) {
			return nil
		}
	}
	if !controllerutil.RemoveFinalizer(object, finalizer) {
		return nil
	}
	_, err := retry(o.Update(ctx, object))
	return client.IgnoreNotFound(err)
}

func (o *operations[T]) tell(object T, all []operation.Event) {
	for _, e := range all {
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		o.recorder.Eventf(object, nil, kind, e.Reason, o.kind, "%s", e.Message)
	}
}

// ended makes the S3 folder be listed anew: an operation may have changed it.
func (o *operations[T]) ended(cluster *v1alpha1.Cluster, before, after v1alpha1.Phase) {
	if after.Ended() && !before.Ended() {
		o.found.ask(cluster)
		o.operationsEnded.WithLabelValues(o.kind, string(after)).Inc()
	}
}
