package controller

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// finalizerBytes keeps a Cluster with deletionPolicy Delete until its snapshots are deleted, or that has failed.
const finalizerBytes = "holdfast.dev/delete-bytes"

const (
	deletionPeriod = 10 * time.Second
	// deletedAtOnce is how many snapshots a task takes.
	deletedAtOnce = 256
)

// deletion keeps the finalizer in step with the policy and, once the Cluster is being deleted, deletes the snapshots
// that Holdfast took. It returns done when nothing else is to be done with the cluster.
func (r *clusters) deletion(ctx context.Context, c *v1alpha1.Cluster) (done bool, result reconcile.Result, err error) {
	wanted := c.Spec.DeletionPolicy == v1alpha1.DeletionDelete
	if c.DeletionTimestamp == nil {
		mend := controllerutil.RemoveFinalizer
		if wanted {
			mend = controllerutil.AddFinalizer
		}
		changed := mend(c, finalizerBytes)
		if changed {
			result, err = retry(r.Update(ctx, c))
		}
		return changed, result, err
	}
	if !controllerutil.ContainsFinalizer(c, finalizerBytes) {
		return true, result, nil
	}
	if wanted {
		left, err := r.deleteBytes(ctx, c)
		if left || err != nil {
			result, err = retry(err)
			result.RequeueAfter = deletionPeriod
			return true, result, err
		}
	}
	controllerutil.RemoveFinalizer(c, finalizerBytes)
	result, err = retry(r.Update(ctx, c))
	return true, result, err
}

// deleteBytes tells whether there is something left to wait for.
func (r *clusters) deleteBytes(ctx context.Context, c *v1alpha1.Cluster) (left bool, err error) {
	var snapshots v1alpha1.EtcdSnapshotList
	if err := r.List(ctx, &snapshots, client.InNamespace(c.Namespace)); err != nil {
		return true, err
	}
	var mine []string
	for _, s := range snapshots.Items {
		if s.Spec.Trigger != "" && len(mine) < deletedAtOnce { // foreign ones have none
			mine = append(mine, s.Name)
		}
	}
	task := &v1alpha1.EtcdSnapshotTask{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: "delete-" + c.Name}}
	err = r.live.Get(ctx, client.ObjectKeyFromObject(task), task)
	switch {
	case apierrors.IsNotFound(err) && len(mine) == 0:
		return false, nil
	case apierrors.IsNotFound(err):
		slices.Sort(mine)
		task.Spec = v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskDelete, Snapshots: mine}
		err = r.Create(ctx, task)
		var status apierrors.APIStatus
		if errors.As(err, &status) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			r.recorder.Eventf(c, nil, "Warning", "BytesKept", "Delete", "the namespace is being deleted, so that no task can be made: the snapshots stay")
			return false, nil
		}
		return true, err
	case err != nil:
		return true, err
	case !task.Status.Phase.Ended():
		return true, nil
	case task.Status.Phase != v1alpha1.PhaseFinished:
		r.recorder.Eventf(c, nil, "Warning", "BytesKept", "Delete", "not all snapshots could be deleted: %s", task.Status.Message)
		return false, nil
	case len(mine) == deletedAtOnce:
		return true, client.IgnoreNotFound(r.Delete(ctx, task)) // and another for the rest
	}
	return false, nil
}
