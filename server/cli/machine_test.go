package cli_test

import (
	"strings"
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

// A silent machine may still be a member, unless all members that answer say that it is none.
func TestAMachineWhoseMemberWasRemovedIsNotInUse(t *testing.T) {
	l := start(t)
	fleet(l)
	n1, n2, n3 := machine("n1", 0), machine("n2", 1), machine("n3", 2)
	tell := func(m *v1alpha1.Machine, ready metav1.ConditionStatus, members ...*v1alpha1.Machine) {
		t.Helper()
		m.Status.Etcd.Members, m.Status.Conditions = nil, nil
		for _, p := range members {
			m.Status.Etcd.Members = append(m.Status.Etcd.Members, v1alpha1.PeerMember{ID: p.Status.Etcd.ID, Name: p.Name})
		}
		for kind, status := range map[string]metav1.ConditionStatus{v1alpha1.MachineReady: ready, v1alpha1.MachineEtcdHealthy: metav1.ConditionTrue} {
			m.Status.Conditions = append(m.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: "Tested", LastTransitionTime: *ago(time.Hour)})
		}
		there := &v1alpha1.Machine{}
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(m), there); err != nil {
			t.Fatal(err)
		}
		there.Status = m.Status
		if err := l.client.Status().Update(t.Context(), there); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(why string) {
		t.Helper()
		if got := l.run("machine", "delete", "n3", "--yes"); got.code != 3 || !strings.Contains(got.err, "its etcd member n3 (follower) is alive") {
			t.Fatalf("%s: exit code %d\n%s%s", why, got.code, got.out, got.err)
		}
	}

	tell(n3, metav1.ConditionFalse)
	tell(n1, metav1.ConditionTrue)
	tell(n2, metav1.ConditionFalse, n1, n2)
	refused("nobody who answers says who the members are")
	tell(n1, metav1.ConditionTrue, n1, n2)
	tell(n2, metav1.ConditionTrue, n1, n2, n3)
	refused("one has not heard of it")
	tell(n2, metav1.ConditionTrue, n1, n2)
	tell(n3, metav1.ConditionTrue)
	refused("it answers, and may have joined since")
	tell(n3, metav1.ConditionFalse)
	l.run("machine", "delete", "n3", "--yes").must(t, 0)
}
