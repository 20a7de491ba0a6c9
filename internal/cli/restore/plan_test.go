package restore

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestAPlanSaysEverythingOnce(t *testing.T) {
	p := &v1alpha1.RestorePlan{
		Warnings: []string{"etcd works"}, InitMachine: "a",
		Text:     []string{"Verdict: NoRestoreNeeded.", "a: Restore: it holds the snapshot.", "b will join through a.", "etcd works"},
		Changes:  []string{"Version: v2 becomes v1 on a."},
		Machines: []v1alpha1.PlannedMachine{{Machine: "a", Action: v1alpha1.ActionRestore, Reason: "it holds the snapshot"}},
	}
	var out strings.Builder
	describePlan(&out, time.Unix(0, 0), p)
	want := `Init machine:  a
WARNING: etcd works
  Verdict: NoRestoreNeeded.
  b will join through a.
  Version: v2 becomes v1 on a.

MACHINE   ACTION    REASON
a         Restore   it holds the snapshot
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
