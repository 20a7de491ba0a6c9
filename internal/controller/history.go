package controller

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// AnnotationKeep on an operation, with whatever value, keeps its object for ever.
const AnnotationKeep = "holdfast.dev/keep"

// forget deletes objects of operations that ended long ago. The cluster's other operations of this kind are looked at each
// time that one has ended, and at each resync. No byte of a snapshot goes with them.
func (o *operations[T]) forget(ctx context.Context, namespace string) error {
	all, err := o.list(ctx, client.InNamespace(namespace))
	if err != nil {
		return err
	}
	past := make([]operation.Past, 0, len(all))
	for _, op := range all {
		past = append(past, pastOf(op))
	}
	for _, name := range operation.Expired(o.Now(), past) {
		i := slices.IndexFunc(all, func(op T) bool { return op.GetName() == name })
		uid, version := all[i].GetUID(), all[i].GetResourceVersion()
		// It may have been asked to go on meanwhile: then its version is another.
		err := o.Delete(ctx, all[i], client.Preconditions{UID: &uid, ResourceVersion: &version})
		if _, err := retry(client.IgnoreNotFound(err)); err != nil {
			return fmt.Errorf("forget %s %s: %w", o.kind, name, err)
		}
	}
	return nil
}

func pastOf(object client.Object) operation.Past {
	_, kept := object.GetAnnotations()[AnnotationKeep]
	p := operation.Past{Name: object.GetName(), Pinned: kept || len(object.GetFinalizers()) > 0 || object.GetDeletionTimestamp() != nil}
	status := &v1alpha1.OperationStatus{}
	switch op := object.(type) {
	case *v1alpha1.EtcdSnapshotSave:
		status = &op.Status.OperationStatus
	case *v1alpha1.EtcdSnapshotTask:
		status = &op.Status.OperationStatus
	case *v1alpha1.EtcdSnapshotRestore:
		status = &op.Status.OperationStatus
		p.Pinned = p.Pinned || operation.Unresolved(op)
	}
	if status.Phase.Ended() && status.Ended != nil {
		p.Ended = status.Ended.Time
	}
	return p
}
