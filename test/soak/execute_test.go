package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tried are the tests of a module that looks like this one, whose tests do what a job's tests can do.
const tried = `package e2e

import (
	"os"
	"testing"
)

func TestRounds(t *testing.T) {
	for _, name := range []string{"0", "1", "2"} {
		t.Run(name, func(t *testing.T) {
			t.Attr("suite", "rounds")
			t.Attr("stage", "stage "+name)
			if name == "1" {
				t.Attr("missed", "too late")
			}
		})
	}
}

func TestProperty(t *testing.T) {
	t.Attr("suite", "property")
	t.Attr("rounds", "500")
}

func TestCases(t *testing.T) {
	t.Run("a", func(t *testing.T) {
		t.Run("1", func(t *testing.T) {})
		t.Run("2", func(t *testing.T) {})
	})
	t.Run("b", func(t *testing.T) {})
}

func TestFails(t *testing.T) {
	t.Run("good", func(t *testing.T) { t.Attr("suite", "fails") })
	t.Run("bad", func(t *testing.T) {
		t.Attr("suite", "fails")
		t.Attr("stage", "here")
		t.Attr("again", "repeat it")
		t.Error("what is wrong, with cases " + os.Getenv("HOLDFAST_CASES"))
	})
}

func TestDies(t *testing.T) {
	t.Run("good", func(t *testing.T) { t.Attr("suite", "dies") })
	t.Run("bad", func(t *testing.T) {
		t.Attr("suite", "dies")
		os.Exit(3)
	})
}

func TestHangs(t *testing.T) {
	if err := os.WriteFile(os.Getenv("STARTED"), nil, 0o600); err != nil {
		t.Error(err)
	}
	select {}
}

func TestSkips(t *testing.T) { t.Skip("no server") }

func TestSilent(t *testing.T) {
	if os.Getenv("CI") != "true" || os.Getenv("HOLDFAST_SOAK") != "1" || os.Getenv("HOLDFAST_SEED") != "7" {
		t.Error(os.Environ())
	}
	if err := os.WriteFile(os.TempDir()+"/left", nil, 0o600); err != nil {
		t.Error(err)
	}
}
`

func newTests(t *testing.T) tests {
	t.Helper()
	module := filepath.Join(t.TempDir(), "test")
	writeFile(t, filepath.Join(module, "go.mod"), "module tried\n\ngo 1.26\n")
	writeFile(t, filepath.Join(module, "e2e", "tried_test.go"), tried)
	return tests{module: module, scratch: filepath.Join(t.TempDir(), "scratch"), seed: 7}
}

func TestAnInterruptedJobLeavesNothingRunning(t *testing.T) {
	x := newTests(t)
	started := filepath.Join(t.TempDir(), "started")
	t.Setenv("STARTED", started)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond) // between two looks
		}
	}()
	rec, err := x.execute(ctx, job{matrix: matrix{test: "TestHangs"}})
	if err != nil || rec.passed() || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("got %+v, %v; %v", rec, err, ctx.Err())
	}
	if pids, err := processesOf(x.scratch); err != nil || len(pids) > 0 {
		t.Errorf("still running: %v, %v", pids, err)
	}
	if _, err := os.Stat(x.scratch); err == nil {
		t.Error("the scratch folder is still there")
	}
}

func TestAJobCountsWhatItsTestsReport(t *testing.T) {
	x := newTests(t)
	for name, c := range map[string]struct {
		job     job
		problem string
		suites  map[string]*suite
		failure string
	}{
		"rounds": {job: job{matrix: matrix{test: "TestRounds"}, expect: 3},
			suites: map[string]*suite{"rounds": {Held: 3, Missed: 1, Stages: map[string]int{"stage 0": 1, "stage 2": 1}}}},
		"fewer than asked": {job: job{matrix: matrix{test: "TestRounds/[01]"}, expect: 3}, problem: "2 rounds were reported, not 3",
			suites: map[string]*suite{"rounds": {Held: 2, Missed: 1, Stages: map[string]int{"stage 0": 1}}}},
		"a property": {job: job{matrix: matrix{test: "TestProperty"}},
			suites: map[string]*suite{"property": {Held: 500, Stages: map[string]int{}}}},
		"a failure": {job: job{matrix: matrix{test: "TestFails"}, cases: "4-5"}, problem: "1 tests failed", failure: "with cases 4-5",
			suites: map[string]*suite{"fails": {Held: 1, Failed: 1, Stages: map[string]int{"here": 1}}}},
		"a death": {job: job{matrix: matrix{test: "TestDies"}}, problem: "1 tests failed",
			suites: map[string]*suite{"dies": {Held: 1, Failed: 1, Stages: map[string]int{}}}},
		"cases": {job: job{matrix: matrix{test: "TestCases|TestProperty", leaves: true, repeat: 2}},
			suites: map[string]*suite{"TestCases": {Held: 6, Stages: map[string]int{}}, "property": {Held: 1000, Stages: map[string]int{}}}},
		"a skip":      {job: job{matrix: matrix{test: "TestSkips"}}, problem: "1 tests were skipped", suites: map[string]*suite{}},
		"no report":   {job: job{matrix: matrix{test: "TestSilent"}}, problem: "no rounds were reported", suites: map[string]*suite{}},
		"no test":     {job: job{matrix: matrix{test: "TestOfNothing"}}, problem: "no rounds were reported", suites: map[string]*suite{}},
		"no building": {job: job{matrix: matrix{test: "TestRounds", unit: "./absent"}}, problem: "go test: exit status 1", suites: map[string]*suite{}},
	} {
		t.Run(name, func(t *testing.T) {
			rec, err := x.execute(t.Context(), c.job)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Problem != c.problem {
				t.Errorf("problem %q, want %q: %+v", rec.Problem, c.problem, rec.Failures)
			}
			if diff := cmp.Diff(c.suites, rec.Suites); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
			if c.failure != "" && (len(rec.Failures) != 1 || !strings.Contains(rec.Failures[0].Output, c.failure) || rec.Failures[0].Again != "repeat it") {
				t.Errorf("failures: %+v", rec.Failures)
			}
			if c.problem != "" && len(rec.Failures) == 0 {
				t.Error("nothing says what was printed")
			}
			if _, err := os.Stat(x.scratch); err == nil {
				t.Error("the scratch folder is still there")
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAKilledRunLeftIsEndedAndRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scratch")
	writeFile(t, filepath.Join(dir, "a", "file"), "")
	start := func(tmp string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sleep", "600")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	left := []*exec.Cmd{start(dir), start(filepath.Join(dir, "a"))}
	other := start(dir + "-of-another")
	ended := make(chan error, len(left))
	for _, cmd := range left {
		go func() { ended <- cmd.Wait() }() // nobody else would, and a zombie has no environment
	}
	if err := sweep(dir); err != nil {
		t.Fatal(err)
	}
	for range left {
		if err := <-ended; err == nil || err.Error() != "signal: killed" {
			t.Errorf("a process of the killed run ended with %v", err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is still there")
	}
	if pids, err := processesOf(dir + "-of-another"); err != nil || len(pids) != 1 {
		t.Errorf("of another folder's processes %v are left, %v", pids, err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	other.Wait()
}
