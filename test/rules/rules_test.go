package rules_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAlertsAreRaisedWhenTheyShouldBeAndNotOtherwise(t *testing.T) {
	root, err := server.Root()
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(root, "deploy", "prometheus")
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Join(rules, "rules.yaml")},
		{"test", "rules", filepath.Join(rules, "rules_test.yaml")},
	} {
		out, err := exec.CommandContext(t.Context(), servertest.Tool(t, "promtool"), args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
