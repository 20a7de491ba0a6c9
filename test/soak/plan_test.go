package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryJobNamesATestThatExists(t *testing.T) {
	for _, m := range plan() {
		dir := filepath.Join("..", cmp.Or(m.folder, "e2e"))
		if m.unit != "" {
			dir = filepath.Join("../..", m.unit)
		}
		tests, _, _ := strings.Cut(m.test, "/")
		for name := range strings.SplitSeq(tests, "|") {
			if !declared(t, dir, name) {
				t.Errorf("%s: there is no %s in %s", m.name, name, dir)
			}
		}
	}
}

func declared(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	function := regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if function.Match(text) {
			return true
		}
	}
	return false
}

func TestTheJobsOfAMatrixDoEachCaseOnce(t *testing.T) {
	seen := map[string]bool{}
	cases := map[string]map[int]int{}
	for _, j := range jobs(plan()) {
		if seen[j.id] {
			t.Errorf("two jobs are called %s", j.id)
		}
		seen[j.id] = true
		if j.cases == "" {
			continue
		}
		var from, to int
		if _, err := fmt.Sscanf(j.cases, "%d-%d", &from, &to); err != nil {
			t.Fatal(err)
		}
		if want := (to - from + 1) * max(j.suites, 1); j.expect != want && !j.open {
			t.Errorf("%s expects %d rounds of %s", j.id, j.expect, j.cases)
		}
		if cases[j.name] == nil {
			cases[j.name] = map[int]int{}
		}
		for n := from; n <= to; n++ {
			cases[j.name][n]++
		}
	}
	for _, m := range plan() {
		for n := range m.cases {
			if cases[m.name][n] != 1 {
				t.Errorf("%s: case %d is done %d times", m.name, n, cases[m.name][n])
			}
		}
		if len(cases[m.name]) != m.cases {
			t.Errorf("%s: %d cases, not %d", m.name, len(cases[m.name]), m.cases)
		}
	}
}

func TestThePlanAsksForWhatWasPromised(t *testing.T) {
	positions, kills, trips := 0, 0, 0
	for _, j := range jobs(plan()) {
		switch {
		case j.area == areaDamage:
			positions += j.expect
		case strings.HasPrefix(j.area, "SIGKILL"):
			kills += j.expect
		case j.area == areaTrips:
			trips += j.expect
		}
	}
	// Some kills come too late; see what docs/reliability.md says of them.
	if positions < 10_000 || kills < 1_200 || trips != 72 {
		t.Errorf("%d positions, %d kills, %d round trips", positions, kills, trips)
	}
}

func TestSomethingOfEverythingIsDoneBeforeMoreOfAnything(t *testing.T) {
	first := map[string]bool{}
	for i, j := range jobs(plan()) {
		if i < len(plan()) {
			first[j.name] = true
		}
	}
	if len(first) != len(plan()) {
		t.Errorf("the first %d jobs are about %d matrices only", len(plan()), len(first))
	}
}
