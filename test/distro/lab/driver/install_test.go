package driver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

// missing is the exit code where something is not there.
const missing = 5

func TestAnotherVersionOfK3sAndAConfigurationAreBroughtAndTakenBack(t *testing.T) {
	testInstall(t, distro.K3s(), "v1.36.3+k3s1")
}

func TestAnotherVersionOfRKE2AndAConfigurationAreBroughtAndTakenBack(t *testing.T) {
	testInstall(t, distro.RKE2(), "v1.36.3+rke2r1")
}

func testInstall(t *testing.T, flavor distro.Flavor, older string) {
	s := newScene(t, lab.Config{Flavor: flavor, Settings: map[string]any{"tls-san": []string{"one.example.com"}}}, 1, 0)
	n, newest := s.nodes[0], lab.Newest(flavor)
	_, err := install.Build(t.Context(), flavor, older)
	do(t, err)
	s.run(n, "mkdir", "-p", state)
	s.drive(n, "keep", []string{})
	config := s.config(n)

	t.Run("a version that is nowhere is told of", func(t *testing.T) {
		s := s.of(t)
		s.must(s.fails(n, missing, "installable", "v1.1.1+none"), "artifacts.dir")
		s.drive(n, "installable", older)
	})
	s.drive(n, "stop", nil)
	s.aside(n, "u1")
	t.Run("an installation that is killed anywhere is finished", func(t *testing.T) {
		s := s.of(t)
		for tenths := range 6 {
			line := fmt.Sprintf("timeout --signal=KILL 0.%d %s %s %s install '\"%s\"'", 1+tenths, program, flavor.Name, state, older)
			s.shell(n, line)
			if got := s.version(n); got != older && got != newest {
				t.Fatalf("the program says %q", got)
			}
		}
		s.drive(n, "install", older)
		if got := s.version(n); got != older {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("what the machine had on top of the snapshot's configuration goes", func(t *testing.T) {
		s := s.of(t)
		do(t, n.WriteFile(flavor.ConfigFile()+".d/90-later.yaml", []byte("tls-san+: [two.example.com]\nnode-label: [a=b]\n"), 0o600))
		s.drive(n, "configure", config)
		want, got := map[string]any{}, map[string]any{}
		do(t, json.Unmarshal(config, &want))
		do(t, json.Unmarshal(s.config(n), &got))
		want["tls-san"] = []any{"one.example.com", "two.example.com"} // the machine's own
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("all comes back, and nothing of it is left", func(t *testing.T) {
		s := s.of(t)
		s.back(n, "u1")
		if got := s.version(n); got != newest {
			t.Errorf("it is %s", got)
		}
		if diff := cmp.Diff(string(config), string(s.config(n))); diff != "" {
			t.Error(diff)
		}
		if left := s.shell(n, "ls -d /usr/local/bin/*holdfast* "+flavor.ConfigFile()+"?*holdfast*"); left != "" {
			t.Errorf("left: %s", left)
		}
		s.starts(n)
	})
	t.Run("the version that was kept is found where no release is", func(t *testing.T) {
		s := s.of(t)
		s.drive(n, "stop", nil)
		s.drive(n, "install", older)
		s.run(n, "sh", "-c", "mount -t tmpfs none /opt/distro/"+newest)
		s.drive(n, "install", newest)
		if got := s.version(n); got != newest {
			t.Errorf("it is %s", got)
		}
		s.starts(n)
	})
}

// config is the machine's configuration as a snapshot carries it.
func (s *scene) config(n *machines.Node) json.RawMessage {
	s.t.Helper()
	var inst struct{ Config json.RawMessage }
	do(s.t, json.Unmarshal([]byte(s.drive(n, "discover", nil)), &inst))
	return inst.Config
}

// version of the installed program.
func (s *scene) version(n *machines.Node) string {
	s.t.Helper()
	words := strings.Fields(s.run(n, s.flavor.Name, "--version"))
	if len(words) < 3 {
		return ""
	}
	return words[2]
}
