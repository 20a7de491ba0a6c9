package controller

import (
	"context"
	"fmt"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// LockName is the Lease, in each cluster's namespace, that the running operation holds. It has no time: an operation keeps
// it until its end, and its object can't go away before that.
const LockName = "holdfast-operation"

// holder reads who has the cluster, past the cache.
func (k *kit) holder(ctx context.Context, namespace string) (*v1alpha1.PlanOperation, error) {
	var lease coordinationv1.Lease
	err := k.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: LockName}, &lease)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return holderOf(&lease), err
}

func holderOf(lease *coordinationv1.Lease) *v1alpha1.PlanOperation {
	if lease.Spec.HolderIdentity == nil {
		return nil
	}
	parts := strings.Split(*lease.Spec.HolderIdentity, "/")
	if len(parts) != 3 {
		return nil
	}
	return &v1alpha1.PlanOperation{Kind: parts[0], Name: parts[1], UID: parts[2]}
}

// take takes the lock if it is free; a conflict means that another was faster.
func (k *kit) take(ctx context.Context, cluster *v1alpha1.Cluster, op v1alpha1.PlanOperation) error {
	identity, now := op.Kind+"/"+op.Name+"/"+op.UID, metav1.NewMicroTime(k.Now())
	var lease coordinationv1.Lease
	err := k.live.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: LockName}, &lease)
	switch {
	case apierrors.IsNotFound(err):
		lease = coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace, Name: LockName,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cluster, v1alpha1.GroupVersion().WithKind("Cluster"))},
		}}
		lease.Spec.HolderIdentity, lease.Spec.AcquireTime = &identity, &now
		return k.Create(ctx, &lease)
	case err != nil:
		return fmt.Errorf("take the lock of cluster %s: %w", cluster.Name, err)
	case holderOf(&lease) != nil:
		return nil // seen at the next look
	}
	lease.Spec.HolderIdentity, lease.Spec.AcquireTime = &identity, &now
	return k.Update(ctx, &lease)
}

func (k *kit) release(ctx context.Context, namespace string, op v1alpha1.PlanOperation) error {
	var lease coordinationv1.Lease
	if err := k.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: LockName}, &lease); err != nil {
		return client.IgnoreNotFound(err)
	}
	if h := holderOf(&lease); h == nil || h.UID != op.UID {
		return nil
	}
	lease.Spec.HolderIdentity, lease.Spec.AcquireTime = nil, nil
	return k.Update(ctx, &lease)
}
