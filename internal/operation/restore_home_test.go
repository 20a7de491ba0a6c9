package operation

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestTheClusterThatTheManagerStandsOnIsNotRestored(t *testing.T) {
	hosts := func(status metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ClusterHostsManager, Status: status, Reason: "Model", Message: "the manager keeps its own objects in this cluster"}}
	}
	for name, test := range map[string]struct {
		conditions  []metav1.Condition
		annotations map[string]string
		want        string
	}{
		"it is that cluster":     {hosts(metav1.ConditionTrue), nil, checkFailed},
		"a copy of that cluster": {hosts(metav1.ConditionTrue), map[string]string{AnnotationManagerElsewhere: "true"}, checkWarning},
		"another":                {hosts(metav1.ConditionFalse), nil, checkPassed},
		"nobody knows":           {nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			w.cluster.Status.Conditions, w.cluster.Annotations = test.conditions, test.annotations
			r := from(snap)
			restores(w, r, time.Minute)
			got := ""
			for _, c := range r.Status.Preflight {
				if c.Check == "ManagerElsewhere" {
					got = c.Outcome
				}
			}
			if got != test.want {
				t.Errorf("the check is %q: %s", got, r.Status.Message)
			}
			r.Spec.ApprovedPlan = r.Status.Plan.Digest
			restores(w, r, time.Hour)
			restored := r.Status.Outcome == v1alpha1.OutcomeRestored
			if restored == (test.want == checkFailed) {
				t.Errorf("%s: %s", r.Status.Phase, r.Status.Message)
			}
			if !restored && (w.nodes["a"].data != "old" || !strings.Contains(r.Status.Message, "holdfast-agent restore --local")) {
				t.Errorf("refused: %s; a holds %q", r.Status.Message, w.nodes["a"].data)
			}
		})
	}
}
