package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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
	return apiAt(t, server, v1alpha1.AddToScheme), told
}

// apiAt is an agent's way to an API that knows these types.
func apiAt(t *testing.T, server *httptest.Server, add func(*runtime.Scheme) error) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := add(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.NewWithWatch(&rest.Config{Host: server.URL}, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		t.Fatal(err)
	}
	return api
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

func TestProgressIsGatheredAndTheEndOfAStepIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var told []string
		patched := func(_ context.Context, _ client.Client, _ string, _ client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
			data, err := p.Data(nil)
			if err != nil {
				return err
			}
			var patch []struct{ Value v1alpha1.MachinePlanStatus }
			if err := json.Unmarshal(data, &patch); err != nil {
				return err
			}
			text := fmt.Sprint(time.Since(began))
			for _, r := range patch[0].Value.Results {
				text += fmt.Sprintf(" %s=%s", r.ID, r.Outcome)
			}
			told = append(told, text)
			return nil
		}
		api := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: patched}).Build()
		a := &Agent{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
		a.plans = &plans{Agent: a, woken: newBell()}
		l := &link{Agent: a, api: api, key: types.NamespacedName{Namespace: "one", Name: "n1"}, answered: newBell()}
		a.link = l
		ended := make(chan error, 1)
		go func() { ended <- l.answer(ctx) }()
		synctest.Wait()

		say := func(after time.Duration, results ...v1alpha1.PlanResult) {
			time.Sleep(after)
			a.plans.report(9, results)
			synctest.Wait()
		}
		running, done := v1alpha1.PlanResult{ID: "a", Outcome: v1alpha1.StepRunning}, v1alpha1.PlanResult{ID: "a", Outcome: v1alpha1.StepDone}
		say(0, running)
		say(300*time.Millisecond, done)
		say(100*time.Millisecond, done, v1alpha1.PlanResult{ID: "b", Outcome: v1alpha1.StepRunning})
		say(300*time.Millisecond, done, v1alpha1.PlanResult{ID: "b", Outcome: v1alpha1.StepRunning, Message: "half of it"})
		say(2*time.Second, v1alpha1.PlanResult{ID: "c", Outcome: v1alpha1.StepFailed}) // of another operation
		want := []string{"300ms a=Done", "1.4s a=Done b=Running", "2.7s c=Failed"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
