package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Wherever the process dies, how often and in which direction it goes: what is done stays done and is not done again,
// what was begun is finished, and an undo brings everything back.
func TestADeathAnywhereChangesNothingOfTheOutcome(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for i := range rapid.IntRange(1, 4).Draw(t, "steps") {
			steps = append(steps, fmt.Sprintf("s%d", i))
		}
		w := newWorld(dir, steps)
		before := w.content()
		ends := len(steps)
		if stop := rapid.IntRange(0, 2*len(steps)).Draw(t, "fails at"); stop < len(steps) {
			ends = stop
			if rapid.Bool().Draw(t, "refused") {
				w.refuses[steps[stop]] = true
			} else {
				w.fails[steps[stop]] = true
			}
		}
		for _, at := range rapid.SliceOfN(rapid.IntRange(1, 80), 0, 6).Draw(t, "deaths") {
			w.dieAt[at] = true
		}
		finish(t, w, planOf(1, "u1", "Replace", steps...))
		checkForward(t, w, steps, ends)
		undo := planOf(2, "u1", "Replace", steps...)
		undo.Undo = true
		finish(t, w, undo)
		if diff := cmp.Diff(before, w.content()); diff != "" {
			t.Fatalf("the undo left: %s", diff)
		}
		for _, r := range w.reports {
			if r.Outcome != v1alpha1.StepUndone && !w.refuses[r.ID] {
				t.Fatalf("%s is %s after the undo", r.ID, r.Outcome)
			}
		}
	})
}

// finish starts one process after the other until one reaches the end of the plan.
func finish(t *rapid.T, w *world, plan v1alpha1.MachinePlanSpec) {
	for range 50 {
		err, died := w.live(plan)
		if w.broken != nil {
			t.Fatal(w.broken)
		}
		if !died {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the plan never ends")
}

func checkForward(t *rapid.T, w *world, steps []string, ends int) {
	want := map[string]string{}
	for i, s := range steps {
		switch {
		case i < ends:
			want[s], want[s+".aside"] = "new", "old"
		case i == ends && w.fails[s]:
			want[s+".aside"] = "old"
		default:
			want[s] = "old"
		}
	}
	if diff := cmp.Diff(want, w.content()); diff != "" {
		t.Fatalf("after the steps: %s", diff)
	}
	outcomes := map[string]v1alpha1.StepOutcome{}
	for _, r := range w.reports {
		outcomes[r.ID] = r.Outcome
	}
	wantOutcomes := map[string]v1alpha1.StepOutcome{}
	for i, s := range steps[:min(ends+1, len(steps))] {
		wantOutcomes[s] = v1alpha1.StepDone
		if i == ends {
			wantOutcomes[s] = v1alpha1.StepFailed
		}
	}
	if !maps.Equal(outcomes, wantOutcomes) {
		t.Fatalf("reported %v, want %v", outcomes, wantOutcomes)
	}
}

func run1(t *testing.T, w *world, plan v1alpha1.MachinePlanSpec) error {
	t.Helper()
	err, died := w.live(plan)
	if died || w.broken != nil {
		t.Fatalf("died %v, broken %v", died, w.broken)
	}
	return err
}

func TestAPlanWithALowerSerialIsRefused(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a", "b"})
	if err := run1(t, w, planOf(7, "u1", "Replace", "a")); err != nil {
		t.Fatal(err)
	}
	if err := run1(t, w, planOf(6, "u1", "Replace", "a", "b")); !errors.Is(err, ErrStale) {
		t.Fatalf("got %v", err)
	}
	if w.content()["b"] != "old" {
		t.Error("a step of the older plan was done")
	}
}

func TestStepsThatAreAddedLaterAreDoneAfterThoseThatAreDone(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a", "b"})
	for serial, steps := range [][]string{{"a"}, {"a", "b"}} {
		if err := run1(t, w, planOf(int64(serial), "u1", "Replace", steps...)); err != nil {
			t.Fatal(err)
		}
	}
	if w.content()["a"] != "new" || w.content()["b"] != "new" {
		t.Errorf("got %v", w.content())
	}
}

func TestNoOtherOperationBeginsBeforeAnUnfinishedOneIsUndone(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a", "b"})
	if err := run1(t, w, planOf(1, "u1", MoveAside, "a")); err != nil {
		t.Fatal(err)
	}
	other := planOf(2, "u2", "Replace", "b")
	if err := run1(t, w, other); !errors.Is(err, ErrUnfinished) {
		t.Fatalf("got %v", err)
	}
	if len(w.reports) != 1 || w.reports[0].ID != "b" || w.reports[0].Outcome != v1alpha1.StepFailed {
		t.Fatalf("the manager is told %v", w.reports)
	}
	w.serial = 0 // the refusal answered for the newer plan
	undo := planOf(3, "u1", MoveAside, "a")
	undo.Undo = true
	if err := run1(t, w, undo); err != nil {
		t.Fatal(err)
	}
	other.Serial = 4
	if err := run1(t, w, other); err != nil {
		t.Fatal(err)
	}
	if w.content()["a"] != "old" || w.content()["b"] != "new" {
		t.Errorf("got %v", w.content())
	}
}

func TestACommittedOperationMayBeFollowedByAnother(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a", "b", "c"})
	plan := planOf(1, "u1", MoveAside, "a", "b")
	plan.Steps[1].Kind = string(Commit)
	if err := run1(t, w, plan); err != nil {
		t.Fatal(err)
	}
	if err := run1(t, w, planOf(2, "u2", "Replace", "c")); err != nil {
		t.Fatal(err)
	}
}

func TestAStepThatWasCutIsGivenUpWhenItsOperationEnds(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a", "b"})
	w.dieAt[7] = true // in the step
	if _, died := w.live(planOf(1, "u1", "Replace", "a")); !died {
		t.Fatal("nobody died")
	}
	if err := run1(t, w, v1alpha1.MachinePlanSpec{Serial: 2}); err != nil {
		t.Fatal(err)
	}
	records, err := (&Journal{dir: w.journal}).Records("u1")
	if err != nil || len(records) != 1 || records[0].State != Failed {
		t.Fatalf("got %+v, %v", records, err)
	}
}

func TestAnUnknownKindIsAFailedResultThatSaysSo(t *testing.T) {
	w := newWorld(t.TempDir(), nil)
	if err := run1(t, w, planOf(1, "u1", "MakeCoffee", "a")); err != nil {
		t.Fatal(err)
	}
	if len(w.reports) != 1 || w.reports[0].Outcome != v1alpha1.StepFailed || !strings.Contains(w.reports[0].Message, "does not know such a step") {
		t.Errorf("got %+v", w.reports)
	}
}

func TestAStepWhoseDeadlineHasPassedIsNotBegun(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a"})
	plan := planOf(1, "u1", "Replace", "a")
	plan.Steps[0].Deadline = metav1.NewTime(time.Now().Add(-time.Second))
	if err := run1(t, w, plan); err != nil {
		t.Fatal(err)
	}
	if w.content()["a"] != "old" || w.reports[0].Outcome != v1alpha1.StepFailed || !strings.Contains(w.reports[0].Message, "deadline") {
		t.Errorf("got %+v, %v", w.reports, w.content())
	}
}

func TestAUIDThatIsAPathIsRefused(t *testing.T) {
	w := newWorld(t.TempDir(), nil)
	for _, uid := range []string{"", "../x", "a/b", ".", "-a"} {
		if err := run1(t, w, planOf(1, uid, "Replace", "a")); !errors.Is(err, ErrPlan) {
			t.Errorf("%q: %v", uid, err)
		}
	}
}

// slow waits for the end of its context, as a step does that is stopped.
type slow struct {
	Step
	begun chan struct{}
}

func (s slow) Do(ctx context.Context, _ Report) (any, error) {
	close(s.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAStoppedRunLeavesItsStepBegun(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a"})
	r := w.runner()
	begun := make(chan struct{})
	r.Make = func(req Request) (Step, error) {
		s, err := w.make(req)
		return slow{s, begun}, err
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-begun
		stop()
	}()
	if err := r.Run(ctx, planOf(1, "u1", "Replace", "a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := w.runner().Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.content()["a"] != "new" {
		t.Error("the resumed step was not done")
	}
}

func TestAStepThatOverrunsItsDeadlineFailsAndSaysSo(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a"})
	r := w.runner()
	r.Make = func(req Request) (Step, error) {
		s, err := w.make(req)
		return slow{s, make(chan struct{})}, err
	}
	plan := planOf(1, "u1", "Replace", "a")
	plan.Steps[0].Deadline = metav1.NewTime(time.Now().Add(100 * time.Millisecond))
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if w.reports[0].Outcome != v1alpha1.StepFailed || !strings.Contains(w.reports[0].Message, "not done in time") {
		t.Errorf("got %+v", w.reports)
	}
}

func TestSecretsStayInsideAndTextsFit(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a"})
	r := w.runner()
	r.Redact = func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	r.Make = func(req Request) (Step, error) {
		s, err := w.make(req)
		return loud{s}, err
	}
	if err := r.Run(t.Context(), planOf(1, "u1", "Replace", "a")); err != nil {
		t.Fatal(err)
	}
	res := w.reports[0]
	if len(res.Message) > maxMessage || len(res.Output) > maxOutput || res.Output == "" {
		t.Errorf("message %d, output %d bytes", len(res.Message), len(res.Output))
	}
	files, err := filepath.Glob(filepath.Join(w.journal, "u1", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	told, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, data...)
	}
	if strings.Contains(string(told), "hunter2") {
		t.Error("a secret came out")
	}
}

type loud struct{ Step }

func (loud) Do(_ context.Context, report Report) (any, error) {
	report("the password is hunter2", strings.Repeat("hunter2 快照\n", 4000))
	return nil, errors.New(strings.Repeat("hunter2 快照 ", 1000))
}

func TestSettingsThatTheAgentDoesNotKnowAreRefused(t *testing.T) {
	var s CommitSettings
	r := Request{Kind: Commit, Settings: json.RawMessage(`{"epoch":3,"andThen":"rm"}`)}
	if err := r.Decode(&s); err == nil || !strings.Contains(err.Error(), "andThen") {
		t.Errorf("got %v", err)
	}
	r.Settings = (&runtime.RawExtension{Raw: []byte(`{"epoch":3}`)}).Raw
	if err := r.Decode(&s); err != nil || s.Epoch != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
}
