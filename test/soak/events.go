package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action  string
	Test    string
	Output  string
	Key     string
	Value   string
	Package string
}

// tally is what the tests of one job said that they did.
type tally struct {
	// Suites by name: see the attributes that test/e2e gives its tests.
	Suites map[string]*suite `json:"suites"`
	// Failures, the innermost tests only: their parents fail with them.
	Failures []failure `json:"failures,omitempty"`
	// Skipped tests have proved nothing.
	Skipped []string `json:"skipped,omitempty"`

	leaves  bool
	parents map[string]bool // tests that have others below them
}

// suite counts rounds that are alike.
type suite struct {
	Held   int `json:"held"`
	Failed int `json:"failed,omitempty"`
	// Missed are those of the held ones whose strike came too late: the program had ended.
	Missed int `json:"missed,omitempty"`
	// Stages counts the strikes that came in time, by where they struck.
	Stages map[string]int `json:"stages,omitempty"`
}

// failure is a test that did not hold.
type failure struct {
	Test string `json:"test"`
	// Again is the command that repeats it, when the test has said so.
	Again  string `json:"again,omitempty"`
	Output string `json:"output"`
}

// outputLimit is what is kept of what a failed test printed, from its end: a job's record is not a log file.
const outputLimit = 6 << 10

// round is one test under way.
type round struct {
	suite, stage, again string
	missed              bool
	times               int // that it did what it does; a test of a property does it often
	output              []byte
}

// count reads what go test -json prints. A test without a suite is counted only with leaves, as a round of the test at the
// top, and if no other test is below it. Lines that are no events, which the toolchain prints when it does not build,
// are kept with the events of no test: rest.
func count(r io.Reader, leaves bool) (t tally, rest string, err error) {
	t.Suites, t.leaves, t.parents = map[string]*suite{}, leaves, map[string]bool{}
	open := map[string]*round{}
	var other []byte
	lines := bufio.NewReader(r)
	for {
		line, readErr := lines.ReadBytes('\n')
		var e event
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case json.Unmarshal(line, &e) != nil:
			other = keep(other, string(line))
		case e.Test == "":
			other = keep(other, e.Output)
		default:
			t.take(open, e)
		}
		if readErr == io.EOF {
			t.abandoned(open)
			return t, string(other), nil
		}
		if readErr != nil {
			return t, string(other), readErr
		}
	}
}

func keep(kept []byte, more string) []byte {
	kept = append(kept, more...)
	if len(kept) > 2*outputLimit {
		kept = append(kept[:0], kept[len(kept)-outputLimit:]...)
	}
	return kept
}

func (t *tally) take(open map[string]*round, e event) {
	r := open[e.Test]
	if r == nil {
		r = &round{times: 1}
		open[e.Test] = r
		t.parents[path.Dir(e.Test)] = true
	}
	switch e.Action {
	case "output":
		r.output = keep(r.output, e.Output)
	case "attr":
		r.attribute(e.Key, e.Value)
	case "pass", "fail", "skip":
		t.end(e.Test, e.Action, r)
		delete(open, e.Test)
	}
}

func (r *round) attribute(key, value string) {
	switch key {
	case "suite":
		r.suite = value
	case "stage":
		r.stage = value
	case "missed":
		r.missed = true
	case "rounds":
		r.times, _ = strconv.Atoi(value) // what is no number counts as none
	case "again":
		r.again = value
	}
}

func (t *tally) end(test, action string, r *round) {
	switch action {
	case "skip":
		t.Skipped = append(t.Skipped, test)
		return
	case "fail":
		if !t.failedBelow(test) {
			t.Failures = append(t.Failures, failure{Test: test, Again: r.again, Output: string(tail(r.output))})
		}
	}
	if r.suite == "" && t.leaves && !t.parents[test] {
		r.suite, _, _ = strings.Cut(test, "/")
	}
	if r.suite == "" {
		return
	}
	s := t.Suites[r.suite]
	if s == nil {
		s = &suite{Stages: map[string]int{}}
		t.Suites[r.suite] = s
	}
	s.add(*r, action == "pass")
}

func (s *suite) add(r round, held bool) {
	switch {
	case !held:
		s.Failed += r.times
	case r.missed:
		s.Held += r.times
		s.Missed += r.times
		return
	default:
		s.Held += r.times
	}
	if r.stage != "" {
		s.Stages[r.stage] += r.times
	}
}

// abandoned are tests whose end was not seen, because their process died: they have not held.
func (t *tally) abandoned(open map[string]*round) {
	for _, test := range slices.Sorted(maps.Keys(open)) {
		if r := open[test]; r.suite != "" || len(open) == 1 {
			t.end(test, "fail", r)
		}
	}
}

func (t *tally) failedBelow(test string) bool {
	for _, f := range t.Failures {
		if strings.HasPrefix(f.Test, test+"/") {
			return true
		}
	}
	return false
}

func tail(output []byte) []byte {
	return output[max(0, len(output)-outputLimit):]
}

// rounds is how many were reported, held or not.
func (t tally) rounds() int {
	n := 0
	for _, s := range t.Suites {
		n += s.Held + s.Failed
	}
	return n
}
