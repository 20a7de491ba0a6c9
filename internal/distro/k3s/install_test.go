package k3s

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s/artifact"
)

func says(version string) string { return "#!/bin/sh\necho 'k3s version " + version + " (abc)'\n" }

// installing is a machine with a program that can run, and a release of one that says what is given.
func installing(t *testing.T, says string) (*node, *artifact.Release) {
	t.Helper()
	n := machine(t, K3s, server(), nil)
	n.command.Program = filepath.Join(t.TempDir(), "k3s")
	must(os.WriteFile(n.command.Program, []byte("#!/bin/sh\necho 'k3s version v1.35.1+k3s1 (abc)'\n"), 0o755))
	dir := t.TempDir()
	lines := ""
	suffix := ""
	if runtime.GOARCH != "amd64" {
		suffix = "-" + runtime.GOARCH
	}
	for name, content := range map[string]string{"k3s" + suffix: says, "k3s-airgap-images-" + runtime.GOARCH + ".tar.zst": "images"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		sum := sha256.Sum256([]byte(content))
		lines += hex.EncodeToString(sum[:]) + " *" + name + "\n"
	}
	must(os.WriteFile(filepath.Join(dir, "sha256sum-"+runtime.GOARCH+".txt"), []byte(lines), 0o644))
	r, err := artifact.New(artifact.Config{Name: "k3s", Keep: t.TempDir(), Dir: dir}).Find(t.Context(), "v1.36.3+k3s1")
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}

func versionOf(t *testing.T, n *node) string {
	t.Helper()
	said, err := n.cli().version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func TestAVersionIsInstalledWithItsImages(t *testing.T) {
	n, r := installing(t, says("v1.36.3+k3s1"))
	for range 2 {
		if err := n.install(t.Context(), r, "v1.36.3+k3s1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := versionOf(t, n); got != "v1.36.3+k3s1" {
		t.Errorf("it says %s", got)
	}
	if data, err := os.ReadFile(n.at("/var/lib/rancher/k3s/agent/images/k3s-images-v1.36.3+k3s1.tar.zst")); err != nil || string(data) != "images" {
		t.Errorf("images: %q, %v", data, err)
	}
	for _, pattern := range []string{n.program() + staged, n.at("/var/lib/rancher/k3s/agent/images/*" + staged)} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

func TestAProgramOfAnotherVersionTakesNobodysPlace(t *testing.T) {
	for _, program := range []string{says("v1.37.0+k3s1"), "#!/bin/sh\nexit 1\n", "no program"} {
		n, r := installing(t, program)
		if err := n.install(t.Context(), r, "v1.36.3+k3s1"); err == nil {
			t.Errorf("%q is installed", program)
		}
		if got := versionOf(t, n); got != "v1.35.1+k3s1" {
			t.Errorf("%q: it says %s", program, got)
		}
		if _, err := os.Stat(n.program() + staged); !os.IsNotExist(err) {
			t.Errorf("%q: something is left: %v", program, err)
		}
	}
}

// What an operator has put into a directory without a version may be any: that shows before a cluster is stopped.
func TestAReleaseOfAnotherVersionIsNotInstallable(t *testing.T) {
	for program, bad := range map[string]bool{says("v1.36.3+k3s1"): false, says("v1.37.0+k3s1"): true, "no program": true} {
		n, r := installing(t, program)
		d := New(Config{Flavour: K3s, StateDir: t.TempDir()})
		if err := d.prove(t.Context(), n, r, "v1.36.3+k3s1"); (err != nil) != bad {
			t.Errorf("%q: %v", program, err)
		}
		if left, err := os.ReadDir(d.cfg.StateDir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

func TestWhatWasStagedByAnInstallationThatWasCutIsWrittenAnew(t *testing.T) {
	n, r := installing(t, says("v1.36.3+k3s1"))
	must(os.WriteFile(n.program()+staged, []byte("half"), 0o755))
	if err := n.install(t.Context(), r, "v1.36.3+k3s1"); err != nil {
		t.Fatal(err)
	}
	if got := versionOf(t, n); got != "v1.36.3+k3s1" {
		t.Errorf("it says %s", got)
	}
}

func TestAProgramBehindALinkIsReplacedWhereItLies(t *testing.T) {
	n, r := installing(t, says("v1.36.3+k3s1"))
	link := filepath.Join(t.TempDir(), "k3s")
	must(os.Symlink(n.command.Program, link))
	n.command.Program = link
	if err := n.install(t.Context(), r, "v1.36.3+k3s1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Readlink(link); err != nil || versionOf(t, n) != "v1.36.3+k3s1" {
		t.Errorf("%v, %s", err, versionOf(t, n))
	}
}

func TestWhatAPackageManagerHasInstalledIsNotReplaced(t *testing.T) {
	n := machine(t, RKE2, server(), nil)
	n.command.Program = "/usr/bin/rke2"
	if err := n.packaged(); !errors.Is(err, distro.ErrNoArtifact) || !strings.Contains(err.Error(), "package manager") {
		t.Error(err)
	}
	for _, b := range owned(t, n) { // the agent may not even write beside it
		if strings.HasPrefix(b.Path, "/usr/bin") {
			t.Errorf("%s is copied", b.Path)
		}
	}
	n.command.Program = "/usr/local/bin/rke2"
	if err := n.packaged(); err != nil {
		t.Error(err)
	}
}
