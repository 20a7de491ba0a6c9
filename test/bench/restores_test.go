package main

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/bench/restore"
)

func TestAReportOfRestoresSaysWhatWasMissed(t *testing.T) {
	good := restore.Pair{Hand: 20 * time.Second, Holdfast: 24 * time.Second, Plan: time.Second}
	slow := restore.Pair{Hand: 20 * time.Second, Holdfast: 30 * time.Second, Plan: 6 * time.Second, Effect: "the leader changed"}
	o := options{restores: 256}
	text := renderRestores([]restore.Pair{good}, o).text()
	for _, want := range []string{"## A restore of three servers\n", "| (j) | restore / by hand | 1.20 | **1.20** | 1.20 |", "| **0.042** |", "at rest: nothing\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "missed") {
		t.Errorf("something is missed in\n%s", text)
	}
	text = renderRestores([]restore.Pair{slow, slow, good}, o).text()
	if strings.Count(text, "missed") != 3 || !strings.Contains(text, "the leader changed; the leader changed") {
		t.Errorf("not all that is missed is said in\n%s", text)
	}
}
