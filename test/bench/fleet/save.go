package fleet

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// fromMemory has the API server answer a list without asking its database: whoever waits must not cost much.
func fromMemory() client.ListOption {
	return &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}}
}

// saveAll asks for a save of each cluster. It can be repeated, and goes on when the manager is away meanwhile.
func (f *Fleet) saveAll(ctx context.Context, name string) error {
	return f.each(len(f.clusters), func(i int) error {
		for {
			save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: metav1.ObjectMeta{Namespace: f.clusters[i].Namespace, Name: name}}
			err := f.Create(ctx, save)
			if err == nil || apierrors.IsAlreadyExists(err) {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("save cluster %s: %w", f.clusters[i].Name, err)
			case <-time.After(time.Second):
			}
		}
	})
}

// awaitSaves waits until all saves of a name have finished, and none has anything left to clear.
func (f *Fleet) awaitSaves(ctx context.Context, name string) error {
	return await(ctx, "all saves have finished", 3*time.Second, func() (bool, error) {
		var all v1alpha1.EtcdSnapshotSaveList
		if err := f.List(ctx, &all, fromMemory()); err != nil {
			return false, err
		}
		done := 0
		for _, s := range all.Items {
			if s.Name != name || !s.Status.Phase.Ended() || len(s.Finalizers) > 0 {
				continue
			}
			if s.Status.Phase != v1alpha1.PhaseFinished {
				return false, fmt.Errorf("the save of %s: %s: %s", s.Namespace, s.Status.Phase, s.Status.Message)
			}
			done++
		}
		if done < len(f.clusters) {
			return false, fmt.Errorf("%d of %d have", done, len(f.clusters))
		}
		return true, nil
	})
}

// steps that all machines have carried out so far.
func (f *Fleet) steps() int {
	n := 0
	for _, a := range f.agents {
		n += len(a.Steps())
	}
	return n
}
