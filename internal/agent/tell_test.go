package agent

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// managerOf is an API that takes what a machine tells of its plan.
func managerOf(t *testing.T) (api client.WithWatch, told chan v1alpha1.MachinePlanStatus) {
	t.Helper()
	told = make(chan v1alpha1.MachinePlanStatus, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var patch []struct{ Value v1alpha1.MachinePlanStatus }
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil || r.Method != http.MethodPatch {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
			return
		}
		plan := v1alpha1.MachinePlan{Status: patch[0].Value}
		plan.APIVersion, plan.Kind = v1alpha1.GroupVersion().String(), "MachinePlan"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(plan)
		told <- patch[0].Value
	}))
	t.Cleanup(server.Close)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.NewWithWatch(&rest.Config{Host: server.URL}, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		t.Fatal(err)
	}
	return api, told
}

func TestAManagerThatHasLostAnAnswerHearsItAgain(t *testing.T) {
	api, told := managerOf(t)
	a := &Agent{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	a.plans = &plans{Agent: a, woken: newBell()}
	l := &link{Agent: a, api: api, key: types.NamespacedName{Namespace: "one", Name: "n1"}, answered: newBell()}
	a.link = l
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.answer(ctx) }()

	a.plans.report(9, []v1alpha1.PlanResult{{ID: "save", Outcome: v1alpha1.StepDone}})
	answer := <-told
	if answer.Serial != 9 {
		t.Fatalf("told %+v", answer)
	}
	known, lost := new(v1alpha1.MachinePlan), new(v1alpha1.MachinePlan)
	known.Spec.Serial, known.Status = 9, answer
	lost.Spec.Serial, lost.Status.Serial = 5, 5
	for _, found := range []struct {
		plan  *v1alpha1.MachinePlan
		first bool
		again bool
	}{
		{known, true, false},
		{lost, false, false}, // a change on its way, of before the answer
		{lost, true, true},
	} {
		l.planned(found.plan, found.first)
		if !found.again && l.forgotten.Load() {
			t.Errorf("%+v is told again", found)
		}
	}
	if answer = <-told; answer.Serial != 9 || len(answer.Results) != 1 {
		t.Errorf("told %+v", answer)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
