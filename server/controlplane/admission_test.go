package controlplane_test

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyv1 "k8s.io/client-go/applyconfigurations/core/v1"
)

func TestWhoWroteWhichFieldIsKeptOnlyOfWhatWasApplied(t *testing.T) {
	p := startIn(t, t.TempDir())
	defer stop(t, p)
	maps := typed(t, p).CoreV1().ConfigMaps("default")
	made, err := maps.Create(t.Context(), &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.Data = map[string]string{"key": "one"}
	if made, err = maps.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil || len(made.ManagedFields) > 0 {
		t.Errorf("%v: it is kept: %v", err, made.ManagedFields)
	}
	apply := func(name, manager, value string) (*v1.ConfigMap, error) {
		return maps.Apply(t.Context(), applyv1.ConfigMap(name, "default").WithData(map[string]string{"key": value}), metav1.ApplyOptions{FieldManager: manager})
	}
	if applied, err := apply("applied", "one", "one"); err != nil || len(applied.ManagedFields) != 1 {
		t.Errorf("%v: %v", err, applied.ManagedFields)
	}
	for _, name := range []string{"applied", "made"} {
		if _, err := apply(name, "two", "two"); err == nil {
			t.Errorf("%s: what another has written is overwritten without a word", name)
		}
	}
}
