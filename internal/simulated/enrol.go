package simulated

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Register makes a namespace of its own for a cluster, and the cluster, as an administrator does.
func Register(ctx context.Context, c client.Client, cluster *v1alpha1.Cluster) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cluster.Namespace}}
	if err := c.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return c.Create(ctx, cluster)
}

// Enrol makes what the manager makes for a machine that joins. The cluster has its id.
func Enrol(ctx context.Context, c client.Client, cluster *v1alpha1.Cluster, name string) error {
	m := &v1alpha1.Machine{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace, Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cluster, v1alpha1.GroupVersion().WithKind("Cluster"))},
		},
		Spec: v1alpha1.MachineSpec{Roles: []v1alpha1.Role{v1alpha1.RoleEtcd}, Distro: cluster.Spec.Distro, ClusterID: cluster.Status.ID},
	}
	if err := c.Create(ctx, m); err != nil {
		return err
	}
	owned := metav1.ObjectMeta{
		Namespace: cluster.Namespace, Name: name,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(m, v1alpha1.GroupVersion().WithKind("Machine"))},
	}
	seconds := int32(60)
	for _, object := range []client.Object{
		&v1alpha1.MachineInventory{ObjectMeta: *owned.DeepCopy()},
		&v1alpha1.MachinePlan{ObjectMeta: *owned.DeepCopy()},
		&coordinationv1.Lease{ObjectMeta: *owned.DeepCopy(), Spec: coordinationv1.LeaseSpec{LeaseDurationSeconds: &seconds}},
	} {
		if err := c.Create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}
