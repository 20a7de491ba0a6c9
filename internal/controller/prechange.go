package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// beforeChange asks for a snapshot when somebody has changed the cluster's version or configuration (requirement S6). The
// spec only describes what is there, so the change itself is still to come.
func (r *clusters) beforeChange(ctx context.Context, c *v1alpha1.Cluster, status *v1alpha1.ClusterStatus) error {
	data, err := json.Marshal([]any{c.Spec.KubernetesVersion, c.Spec.Config})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	before := status.SpecDigest
	status.SpecDigest = digest
	if op := status.Operation; op != nil && op.Kind == "EtcdSnapshotRestore" {
		return nil // it has written what it brought back
	}
	if before == "" || before == digest || c.Spec.Etcd.SnapshotBeforeChange != nil && !*c.Spec.Etcd.SnapshotBeforeChange {
		return nil
	}
	save := &v1alpha1.EtcdSnapshotSave{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: fmt.Sprintf("pre-change-%d-%s", c.Generation, digest[:8]),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, v1alpha1.GroupVersion().WithKind("Cluster"))},
		},
		Spec: v1alpha1.EtcdSnapshotSaveSpec{PreChange: true},
	}
	if err := r.Create(ctx, save); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("ask for a snapshot before the change: %w", err)
	}
	return nil
}
