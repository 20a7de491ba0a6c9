package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench is a runner over a real folder of records, whose jobs take no time but by its clock.
type bench struct {
	runner
	clock time.Time
	ran   []string
	takes time.Duration
	fails map[string]bool
	// before is called when a job begins.
	before func(j job) error
}

func newBench(dir string, names ...string) *bench {
	b := &bench{clock: time.Unix(1_000_000, 0), takes: time.Minute, fails: map[string]bool{}}
	var all []matrix
	for _, name := range names {
		all = append(all, matrix{area: "area of " + name, name: name, test: "Test", cases: 10, share: 10})
	}
	b.runner = runner{
		jobs: jobs(all), seed: 1, only: regexp.MustCompile(""), bound: time.Hour, state: state{dir}, out: io.Discard,
		code: code{sum: "sum", commit: "commit"},
		now:  func() time.Time { return b.clock }, execute: b.execute,
		changed: func(context.Context) (bool, error) { return false, nil },
	}
	return b
}

func (b *bench) execute(_ context.Context, j job) (record, error) {
	b.ran = append(b.ran, j.id)
	if b.before != nil {
		if err := b.before(j); err != nil {
			return record{}, err
		}
	}
	started := b.clock
	b.clock = b.clock.Add(b.takes)
	rec := record{Job: j.id, Command: j.command(b.seed), Started: started, Seconds: b.takes.Seconds()}
	rec.Suites = map[string]*suite{"s": {Held: 10, Stages: map[string]int{}}}
	if b.fails[j.id] {
		rec.Problem = "1 tests failed"
		rec.Suites["s"] = &suite{Held: 9, Failed: 1, Stages: map[string]int{}}
		rec.Failures = []failure{{Test: "Test/3", Again: "go test again", Output: "it broke"}}
	}
	return rec, nil
}

func (b *bench) mustRun(t *testing.T, want error) standing {
	t.Helper()
	s, err := b.run(t.Context())
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	return s
}

func TestAnInterruptedRunGoesOnAtTheFirstJobThatIsNotDone(t *testing.T) {
	dir := t.TempDir()
	first := newBench(dir, "a", "b", "c")
	ctx, cancel := context.WithCancel(t.Context())
	first.before = func(j job) error {
		if j.id == "b" {
			cancel() // the job ends by itself, but nobody knows whether it was let run
		}
		return nil
	}
	s, err := first.run(ctx)
	if !errors.Is(err, context.Canceled) || len(s.left()) != 2 {
		t.Fatalf("left %v, %v", s.left(), err)
	}
	second := newBench(dir, "a", "b", "c")
	s = second.mustRun(t, nil)
	if diff := cmp.Diff([]string{"b", "c"}, second.ran); diff != "" {
		t.Errorf("the second run did (-want +got):\n%s", diff)
	}
	if len(s.left()) != 0 || s.records["a"].rounds() != 10 {
		t.Errorf("at the end %+v", s)
	}
	third := newBench(dir, "a", "b", "c")
	if third.mustRun(t, nil); len(third.ran) > 0 {
		t.Errorf("with nothing left it ran %q", third.ran)
	}
}

func TestNoJobBeginsWhenTheTimeIsOver(t *testing.T) {
	b := newBench(t.TempDir(), "a", "b", "c")
	b.takes, b.bound = 40*time.Minute, time.Hour
	s := b.mustRun(t, nil)
	if diff := cmp.Diff([]string{"a", "b"}, b.ran); diff != "" {
		t.Errorf("it ran (-want +got):\n%s", diff)
	}
	if left := s.left(); len(left) != 1 || left[0].id != "c" {
		t.Errorf("left %v", left)
	}
}

func TestAFailedJobEndsNeitherTheRunNorIsForgotten(t *testing.T) {
	dir := t.TempDir()
	b := newBench(dir, "a", "b")
	b.fails["a"] = true
	b.mustRun(t, errFailed)
	if len(b.ran) != 2 {
		t.Errorf("it ran only %q", b.ran)
	}
	b = newBench(dir, "a", "b")
	if b.mustRun(t, errFailed); len(b.ran) != 0 {
		t.Errorf("without being asked to it repeats %q", b.ran)
	}
	b = newBench(dir, "a", "b")
	b.again = true
	s := b.mustRun(t, nil)
	if diff := cmp.Diff([]string{"a"}, b.ran); diff != "" {
		t.Errorf("it ran (-want +got):\n%s", diff)
	}
	before := s.records["a"].Before
	if len(before) != 1 || before[0].Problem == "" || len(before[0].Failures) != 1 {
		t.Errorf("of the failure it knows %+v", before)
	}
}

func TestNothingIsRecordedWhenTheCodeChangesMeanwhile(t *testing.T) {
	b := newBench(t.TempDir(), "a", "b")
	b.changed = func(context.Context) (bool, error) { return len(b.ran) == 2, nil }
	s := b.mustRun(t, errChanged)
	if len(s.records) != 1 || len(s.left()) != 1 {
		t.Errorf("recorded %v", s.records)
	}
}

func TestARecordOfOtherWorkUnderTheSameNameIsNotCounted(t *testing.T) {
	dir := t.TempDir()
	newBench(dir, "a").mustRun(t, nil)
	for name, change := range map[string]func(*bench){
		"more cases":  func(b *bench) { b.jobs[0].cases = "0-99" },
		"other test":  func(b *bench) { b.jobs[0].test = "TestOther" },
		"other seed":  func(b *bench) { b.seed = 2 },
		"other flags": func(b *bench) { b.jobs[0].flags = "-x" },
	} {
		b := newBench(dir, "a")
		change(b)
		s, err := b.load()
		if err != nil || len(s.left()) != 1 {
			t.Errorf("%s: left %v, %v", name, s.left(), err)
		}
	}
}

func TestOnlyTheChosenJobsRun(t *testing.T) {
	b := newBench(t.TempDir(), "a", "b", "ab")
	b.only = regexp.MustCompile("^b")
	if s := b.mustRun(t, nil); len(s.left()) != 2 || fmt.Sprint(b.ran) != "[b]" {
		t.Errorf("it ran %q, left %v", b.ran, s.left())
	}
}

func TestTheReportSaysWhatIsMissingAndWhatFailed(t *testing.T) {
	b := newBench(t.TempDir(), "a", "b", "c")
	b.fails["a"] = true
	b.bound = 2 * time.Minute
	s := b.mustRun(t, errFailed)
	text := render(s, b.code, 1, []string{"etcd 3.6.14"})
	for _, want := range []string{
		"<!-- Written by make soak. Do not edit",
		"**1 of 2 jobs failed**",
		"**This report is partial**: 2 of 3 jobs are done. Not done: c.",
		"| area of a | 10 | 10 |  | 1 | 1.0 |",
		"| area of c (1 of 1 jobs left) | 10 | 0 |  | 0 | 0.0 |",
		"(cd test && go test again)", "it broke", s.records["a"].Command,
		"| commit | commit |", "| seed | 1 |", "etcd 3.6.14", "1970-01-12 13:46 to 1970-01-12 13:48 UTC",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Everything that was run held") {
		t.Error("a report with a failure says that everything held")
	}
}

func TestAFailureThatARepetitionHidStaysInTheReport(t *testing.T) {
	dir := t.TempDir()
	b := newBench(dir, "a")
	b.fails["a"] = true
	b.mustRun(t, errFailed)
	b = newBench(dir, "a")
	b.again = true
	text := render(b.mustRun(t, nil), b.code, 1, nil)
	for _, want := range []string{"A later try of the same job passed.", "(cd test && go test again)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestOnlyKillsThatHitARunningProgramAreCountedAsKills(t *testing.T) {
	b := newBench(t.TempDir(), "a", "b")
	for i := range b.jobs {
		b.jobs[i].area, b.jobs[i].kills = areaPrune, true
	}
	s := b.mustRun(t, nil)
	s.records["a"].Suites["s"].Missed = 3
	s.records["a"].Suites["s"].Stages["some deleted"] = 7
	s.records["b"].Suites["s"].Stages["all deleted"] = 10
	text := render(s, b.code, 1, nil)
	for _, want := range []string{
		"killed with SIGKILL while they ran: **17**", "| " + areaPrune + " | 20 | 20 | 17 | 0 |", "| s | all deleted | 10 | 3 | 0 |", "|  | some deleted | 7 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
