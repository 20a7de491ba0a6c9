package record

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// Reconcile makes the records what the entries say: missing ones are made, and those of this node and of S3 that have no
// copy are deleted. It believes the entries, which may come from elsewhere than where the records were made.
func (k *Keeper) Reconcile(ctx context.Context, entries []snapshot.Entry, s3 bool) {
	c, err := k.Clients(ctx)
	if err == nil {
		err = k.reconcile(ctx, c, entries, s3)
	}
	if err != nil {
		k.Log.Errorf("Failed to reconcile snapshot records: %v", err)
	}
}

func (k *Keeper) reconcile(ctx context.Context, c *kube.Clients, entries []snapshot.Entry, s3 bool) error {
	list, err := c.Dynamic.Resource(gvr()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	there := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		there[list.Items[i].GetName()] = &list.Items[i]
	}
	for _, e := range entries {
		if there[name(e)] == nil {
			if e.S3 == nil {
				e.TokenHash = "" // a record made from a file does not know
			}
			if err := k.put(ctx, c, e); err != nil {
				return err
			}
		}
		delete(there, name(e))
	}
	for _, o := range there {
		if err := k.orphan(ctx, c, o, s3); err != nil {
			return err
		}
	}
	return k.stamp(ctx, c, s3)
}

// orphan deletes a record without a copy, if it is this node's to delete.
func (k *Keeper) orphan(ctx context.Context, c *kube.Clients, o *unstructured.Unstructured, s3 bool) error {
	f, err := fromObject(o)
	if err != nil {
		return err
	}
	storage := f.Metadata.Labels[k.Flavor.EtcdKey("snapshot-storage-node")]
	age := k.Now().Sub(parseTime(f.Status.CreationTime))
	switch {
	case storage == "s3" && (!s3 || age < keepS3):
		return nil
	case storage != "s3" && storage != k.NodeName && !k.gone(ctx, c, storage):
		return nil
	case f.Status.Error != nil && age < keepFailed:
		return nil
	}
	return k.drop(ctx, c, o, f)
}

// gone reports whether a node is no etcd node any more.
func (k *Keeper) gone(ctx context.Context, c *kube.Clients, node string) bool {
	n, err := c.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && n.Labels["node-role.kubernetes.io/etcd"] != "true"
}

func (k *Keeper) drop(ctx context.Context, c *kube.Clients, o *unstructured.Unstructured, f File) error {
	files := c.Dynamic.Resource(gvr())
	if len(o.GetFinalizers()) > 0 {
		o.SetFinalizers(nil)
		var err error
		if o, err = files.Update(ctx, o, metav1.UpdateOptions{}); apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
	if err := files.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if len(f.Spec.Metadata) > 0 {
		e := snapshot.Entry{Name: f.Spec.SnapshotName}
		if f.Spec.S3 != nil {
			e.S3 = &snapshot.S3{}
		}
		if err := k.updateConfigMap(ctx, c, func(data map[string]string) { delete(data, configMapKey(e)) }); err != nil {
			return err
		}
	}
	return k.event(ctx, c, o, corev1.EventTypeNormal, "ETCDSnapshotDeleted", fmt.Sprintf("Snapshot %s deleted", f.Spec.SnapshotName))
}

// stamp says on the Node when it was looked at.
func (k *Keeper) stamp(ctx context.Context, c *kube.Clients, s3 bool) error {
	if !k.Stamps {
		return nil
	}
	now := k.Now().Format(time.RFC3339)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q`, k.Flavor.EtcdKey("local-snapshots-timestamp"), now)
	if s3 {
		patch += fmt.Sprintf(`,%q:%q`, k.Flavor.EtcdKey("s3-snapshots-timestamp"), now)
	}
	_, err := c.CoreV1().Nodes().Patch(ctx, k.NodeName, types.MergePatchType, []byte(patch+"}}}"), metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
