package rules_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

var (
	metric = regexp.MustCompile(`\bholdfast_[a-z_]+`)
	named  = regexp.MustCompile(`"(holdfast_[a-z_]+)"`)
)

// exposed are the metrics that the manager's sources name.
func exposed(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	for _, file := range []string{"internal/controller/metrics.go", "server/manager/backup.go"} {
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range named.FindAllSubmatch(source, -1) {
			names = append(names, string(found[1]))
		}
	}
	return names
}

// queries of the dashboard's panels, by title.
func queries(t *testing.T, root string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "deploy", "grafana", "fleet.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all[panel.Title] = append(all[panel.Title], target.Expr)
		}
	}
	return all
}

func TestTheDashboardAsksForMetricsThatTheManagerHas(t *testing.T) {
	root, err := server.Root()
	if err != nil {
		t.Fatal(err)
	}
	known, all := exposed(t, root), queries(t, root)
	if len(known) < 8 || len(all) < 8 {
		t.Fatalf("%d metrics and %d panels were found", len(known), len(all))
	}
	for title, exprs := range all {
		for _, expr := range exprs {
			asked := metric.FindAllString(expr, -1)
			if len(asked) == 0 {
				t.Errorf("%s asks for nothing of Holdfast's: %s", title, expr)
			}
			for _, name := range asked {
				if !slices.Contains(known, name) {
					t.Errorf("%s asks for %s, which there is not", title, name)
				}
			}
		}
	}
}

// Prometheus' own tool reads queries only as rules.
func TestTheDashboardsQueriesAreUnderstoodByPrometheus(t *testing.T) {
	root, err := server.Root()
	if err != nil {
		t.Fatal(err)
	}
	var rules []map[string]string
	for _, exprs := range queries(t, root) {
		for _, expr := range exprs {
			expr = strings.ReplaceAll(expr, "$namespace", ".*") // what Grafana puts in for "all"
			if strings.Contains(expr, "$") {
				t.Errorf("nobody knows what a variable is in %s", expr)
			}
			rules = append(rules, map[string]string{"record": "holdfast:panel", "expr": expr})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), servertest.Tool(t, "promtool"), "check", "rules", "--lint=none", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
