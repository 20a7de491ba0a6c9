// Package labtest gives a test a lab of its own and takes it away with the test.
//
// A package whose tests want labs has a TestMain that calls [Main]. Where there can be no lab (no root), its tests are
// skipped, except where CI=true: there they fail. It holds no logic of its own: what a machine does is in package lab.
package labtest

import (
	"os"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Main runs a package's tests inside a lab, and returns their exit code: os.Exit(labtest.Main(m)).
func Main(m *testing.M) int {
	if !lab.Inside() && lab.Supported() != nil {
		return m.Run() // New says why
	}
	return lab.Main(m.Run)
}

// New makes a lab with machines that have booted. When the test fails, it prints the end of their journals.
func New(t testing.TB, cfg lab.Config, machines int) *lab.Lab {
	t.Helper()
	if err := lab.Supported(); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	l, err := lab.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, l) })
	if _, err := l.Add(t.Context(), machines); err != nil {
		t.Fatal(err)
	}
	return l
}

func end(t testing.TB, l *lab.Lab) {
	t.Helper()
	if t.Failed() {
		for _, n := range l.Nodes {
			t.Logf("%s: the journal ends with:\n%s", n.Name, n.Journal())
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("close the lab: %v", err)
	}
}
