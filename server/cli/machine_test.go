package cli_test

import (
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestAMachineInUseIsDeletedOnPurposeAlone(t *testing.T) {
	l := start(t)
	fleet(l)
	well := metav1.Condition{Type: v1alpha1.MachineEtcdHealthy, Status: metav1.ConditionTrue, Reason: "Healthy", LastTransitionTime: *ago(time.Hour)}
	for name, silent := range map[string]time.Duration{"live": time.Minute, "lost": time.Hour} {
		m := machine(name, 0)
		m.Status.Conditions = append(m.Status.Conditions, well)
		l.put(m, lease(name, silent))
	}
	busy := &v1alpha1.MachinePlan{ObjectMeta: metav1.ObjectMeta{Name: "n2", Namespace: "prod"}}
	busy.Spec = v1alpha1.MachinePlanSpec{Serial: 1, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r-1", UID: "u"}}
	l.put(busy)
	is := func(name string) bool {
		err := l.client.Get(t.Context(), client.ObjectKey{Namespace: "prod", Name: name}, &v1alpha1.Machine{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	}

	l.run("machine", "delete", "live", "--yes").must(t, 3).says(t, "its etcd member live (leader) is alive", "--force")
	l.run("machine", "delete", "n2", "--yes").must(t, 3).says(t, "EtcdSnapshotRestore r-1 works on it")
	l.answer("no\n", "machine", "delete", "lost").must(t, 3).says(t, "every snapshot stays")
	for _, name := range []string{"live", "n2", "lost"} {
		if !is(name) {
			t.Errorf("%s is gone", name)
		}
	}
	l.answer("lost\n", "machine", "delete", "lost").must(t, 0).says(t, "its agent's rights end")
	l.answer("live\n", "machine", "rm", "live", "--force").must(t, 0).says(t, "NOTE: its etcd member live")
	if is("lost") || is("live") {
		t.Error("they are still there")
	}
	l.run("machine", "delete", "none", "--yes").must(t, 5)
	l.run("__complete", "machine", "delete", "").must(t, 0).says(t, "n1\tof prod")
}
