package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

func at(seconds int) *metav1.Time { return &metav1.Time{Time: time.Unix(int64(seconds), 0)} }

func save(phase v1alpha1.Phase, message string, steps ...v1alpha1.StepStatus) *v1alpha1.EtcdSnapshotSave {
	s := &v1alpha1.EtcdSnapshotSave{ObjectMeta: metav1.ObjectMeta{Name: "s", Generation: 1}}
	s.Status.Phase, s.Status.Message, s.Status.Steps = phase, message, steps
	return s
}

func TestEachChangeIsOneLineAndNothingIsSaidTwice(t *testing.T) {
	waiting := v1alpha1.StepStatus{Machine: "n1", Step: "SaveSnapshot", ID: "a", Outcome: v1alpha1.StepWaiting}
	running := waiting
	running.Outcome, running.Started, running.Message = v1alpha1.StepRunning, at(0), "12 MiB"
	done := running
	done.Outcome, done.Ended, done.Message = v1alpha1.StepDone, at(90), ""
	for name, test := range map[string]struct {
		before, after *v1alpha1.EtcdSnapshotSave
		want          []string
	}{
		"nothing new":         {save(v1alpha1.PhaseStarted, "x", running), save(v1alpha1.PhaseStarted, "x", running), nil},
		"what waits is quiet": {save(v1alpha1.PhaseStarted, "x"), save(v1alpha1.PhaseStarted, "x", waiting), nil},
		"a phase":             {save(v1alpha1.PhasePending, ""), save(v1alpha1.PhaseStarted, ""), []string{"Started"}},
		"a message":           {save(v1alpha1.PhasePending, ""), save(v1alpha1.PhasePending, "waits for r"), []string{"Pending: waits for r"}},
		"a step begins":       {save(v1alpha1.PhaseStarted, "", waiting), save(v1alpha1.PhaseStarted, "", running), []string{"  n1 SaveSnapshot running: 12 MiB"}},
		"a step ends":         {save(v1alpha1.PhaseStarted, "", running), save(v1alpha1.PhaseFinished, "", done), []string{"Finished", "  n1 SaveSnapshot done in 1m30s"}},
	} {
		if diff := cmp.Diff(test.want, changes(pictureOf(test.before), pictureOf(test.after))); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
}

func TestThePictureFitsATerminalAndKeepsWhatRunsOrFailed(t *testing.T) {
	var steps []v1alpha1.StepStatus
	for i := range 40 {
		outcome := v1alpha1.StepDone
		if i == 3 {
			outcome = v1alpha1.StepFailed
		}
		steps = append(steps, v1alpha1.StepStatus{Machine: "n" + string(rune('A'+i)), Step: "StopDistro", ID: string(rune('A' + i)), Outcome: outcome})
	}
	lines := render("restore r", pictureOf(save(v1alpha1.PhaseShutdown, "", steps...)), "", time.Unix(0, 0))
	if len(lines) > mostRows+3 {
		t.Errorf("%d lines", len(lines))
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"restore r  Shutdown", "✗   nD", "and 22 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for line, want := range map[string]string{"short": "short", "too long for it": "too long…", "öäü öäü ö": "öäü öäü ö", "a\x1b[2Jb": "a [2Jb"} {
		if got := cut(line, 9); got != want {
			t.Errorf("cut(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestAnOperationHasEndedOnlyForWhatWasLastAskedOfIt(t *testing.T) {
	s := save(v1alpha1.PhaseFailed, "")
	s.Generation, s.Status.ObservedGeneration = 3, 2
	if Ended(s) {
		t.Error("the controller has not seen the last change")
	}
	s.Status.ObservedGeneration = 3
	if !Ended(s) {
		t.Error("it has")
	}
}

func TestTheOutcomeTellsARefusalFromAFailure(t *testing.T) {
	restore := func(phase v1alpha1.Phase, outcome string) *v1alpha1.EtcdSnapshotRestore {
		r := &v1alpha1.EtcdSnapshotRestore{ObjectMeta: metav1.ObjectMeta{Name: "r"}}
		r.Status.Phase, r.Status.Outcome, r.Status.Message = phase, outcome, "the disk is full"
		return r
	}
	if err := Outcome("c", save(v1alpha1.PhaseFinished, "")); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		err  error
		kind problem.Kind
		text string
		next string
	}{
		{Outcome("c", save(v1alpha1.PhaseFailed, "no machine is healthy")), problem.Unsuccessful, "save s of cluster c: no machine is healthy", "holdfast doctor c"},
		{Outcome("c", save(v1alpha1.PhaseFailed, "x", v1alpha1.StepStatus{Machine: "n1", Step: "SaveSnapshot", Outcome: v1alpha1.StepFailed, Message: "y"})),
			problem.Unsuccessful, "save s of cluster c: x (SaveSnapshot on n1: y)", "holdfast doctor c"},
		{Outcome("c", save(v1alpha1.PhaseCancelled, "by hand")), problem.Unsuccessful, "save s of cluster c: it was cancelled: by hand", "holdfast doctor c"},
		{Outcome("c", restore(v1alpha1.PhaseFailed, v1alpha1.OutcomeNothingDone)), problem.Refused, "restore r of cluster c: the disk is full", "holdfast doctor c"},
		{Outcome("c", restore(v1alpha1.PhaseFailed, v1alpha1.OutcomeRolledBack)), problem.Unsuccessful, "restore r of cluster c: the old state is back: the disk is full", "holdfast doctor c"},
		{Outcome("c", restore(v1alpha1.PhaseFailed, v1alpha1.OutcomeKeptNew)), problem.Unsuccessful,
			"restore r of cluster c: the snapshot's data runs, but steps remain: the disk is full", "holdfast restore retry c r"},
	} {
		if test.err.Error() != test.text || problem.KindOf(test.err) != test.kind || problem.NextOf(test.err) != test.next {
			t.Errorf("got %d %q, next %q; want %d %q, %q", problem.KindOf(test.err), test.err, problem.NextOf(test.err), test.kind, test.text, test.next)
		}
	}
}
