package controller_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controller"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// TestOperationsOfLongAgoAreForgotten uses saves that are cancelled before they begin: they wait for nobody.
func TestOperationsOfLongAgoAreForgotten(t *testing.T) {
	var later atomic.Int64
	b := newBench(t, controller.Config{Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	c := b.cluster("one", plain)
	var all v1alpha1.EtcdSnapshotSaveList
	ended := func() (n int) {
		if err := b.client.List(t.Context(), &all, client.InNamespace(c.Namespace)); err != nil {
			return 0
		}
		for _, s := range all.Items {
			if s.Status.Phase.Ended() && len(s.Finalizers) == 0 {
				n++
			}
		}
		return n
	}
	const first = operation.KeepEnded + 3
	for i := range first {
		save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, fmt.Sprintf("old-%02d", i))}
		save.Spec.Cancel = true
		if i == first-1 { // of equal age names decide, and this one would go
			save.Annotations = map[string]string{controller.AnnotationKeep: ""}
		}
		b.create(save)
	}
	b.eventually("all have ended, and none is forgotten", func() bool { return ended() == first })
	later.Store(int64(operation.KeepFor + time.Hour))
	b.create(&v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "new"), Spec: v1alpha1.EtcdSnapshotSaveSpec{Cancel: true}})
	b.eventually("the oldest are forgotten", func() bool { n := ended(); return n > 0 && n <= operation.KeepEnded+2 })
	left := map[string]bool{}
	for _, s := range all.Items {
		left[s.Name] = true
	}
	if !left["new"] || !left[fmt.Sprintf("old-%02d", first-1)] || len(left) < operation.KeepEnded {
		t.Errorf("there are %v", left)
	}
}
