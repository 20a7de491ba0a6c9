package systemd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnEndedRunIsToldFromOneThatGoesOnAndOneThatNobodyKnows(t *testing.T) {
	p := func(load, active, sub, result string, code, status int32) map[string]any {
		return map[string]any{"LoadState": load, "ActiveState": active, "SubState": sub, "Result": result, "ExecMainCode": code, "ExecMainStatus": status}
	}
	for name, test := range map[string]struct {
		properties map[string]any
		want       Run
	}{
		"never launched":            {p("not-found", "inactive", "dead", "success", 0, 0), Run{Exit: -1, Result: "success"}},
		"running":                   {p("loaded", "active", "running", "success", 0, 0), Run{Known: true, Running: true, Exit: -1, Result: "success"}},
		"being started":             {p("loaded", "activating", "start", "success", 0, 0), Run{Known: true, Running: true, Exit: -1, Result: "success"}},
		"being stopped":             {p("loaded", "deactivating", "stop-sigterm", "success", 0, 0), Run{Known: true, Running: true, Exit: -1, Result: "success"}},
		"ended well":                {p("loaded", "active", "exited", "success", 1, 0), Run{Known: true, Exit: 0, Result: "success"}},
		"ended with a code":         {p("loaded", "failed", "failed", "exit-code", 1, 3), Run{Known: true, Exit: 3, Result: "exit-code"}},
		"killed":                    {p("loaded", "failed", "failed", "signal", 2, 9), Run{Known: true, Exit: -1, Result: "signal"}},
		"ended well, too late":      {p("loaded", "failed", "failed", "timeout", 1, 0), Run{Known: true, Exit: 0, Result: "timeout"}},
		"stopped, not yet unloaded": {p("loaded", "inactive", "dead", "success", 1, 0), Run{Exit: -1, Result: "success"}},
	} {
		if diff := cmp.Diff(test.want, runOf(test.properties)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestALaunchedCommandIsNotExpandedAgain(t *testing.T) {
	words := []string{"/a", "--x=$HOME", "b"}
	if diff := cmp.Diff([]string{"/a", "--x=$$HOME", "b"}, literal(words)); diff != "" {
		t.Error(diff)
	}
	if words[1] != "--x=$HOME" {
		t.Error("the caller's words were changed")
	}
	if diff := cmp.Diff(words, Expand(literal(words), map[string]string{"HOME": "/root"})); diff != "" {
		t.Error(diff)
	}
}

func TestALineIsReadAsTheWordsThatItWasMadeOf(t *testing.T) {
	if got, want := Line("/usr/local/bin/k3s", []string{"server", `--a=b c`, `q"\`, "50%", "$X"}), `"/usr/local/bin/k3s" "server" "--a=b c" "q\"\\" "50%%" "$X"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
