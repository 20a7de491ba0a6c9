package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// phaseOf the operation that has the cluster; empty when it is gone.
func (k *kit) phaseOf(ctx context.Context, namespace string, op *v1alpha1.PlanOperation) (v1alpha1.Phase, error) {
	if op == nil {
		return "", nil
	}
	var object client.Object
	switch op.Kind {
	case "EtcdSnapshotSave":
		object = new(v1alpha1.EtcdSnapshotSave)
	case "EtcdSnapshotTask":
		object = new(v1alpha1.EtcdSnapshotTask)
	default:
		object = new(v1alpha1.EtcdSnapshotRestore)
	}
	err := k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: op.Name}, object)
	return phaseIn(object), client.IgnoreNotFound(err)
}

func phaseIn(object client.Object) v1alpha1.Phase {
	switch o := object.(type) {
	case *v1alpha1.EtcdSnapshotSave:
		return o.Status.Phase
	case *v1alpha1.EtcdSnapshotTask:
		return o.Status.Phase
	case *v1alpha1.EtcdSnapshotRestore:
		return o.Status.Phase
	}
	return ""
}
