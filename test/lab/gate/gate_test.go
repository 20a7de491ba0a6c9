package gate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab/gate"
)

// newGate watches a directory, or skips the test where there can be no gate.
func newGate(t *testing.T, dir string, ask func(gate.Opening)) *gate.Gate {
	t.Helper()
	g, err := gate.New(ask)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Watch(dir); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAProcessWaitsBetweenTwoOfItsWrites(t *testing.T) {
	dir := t.TempDir()
	second := filepath.Join(dir, "second")
	var seen []string
	asked, proceed := make(chan gate.Opening), make(chan struct{})
	g := newGate(t, dir, func(o gate.Opening) {
		asked <- o
		<-proceed
	})
	cmd := exec.Command("sh", "-c", "echo 1 > first; echo 2 > second")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for o := range asked {
		seen = append(seen, filepath.Base(o.Path))
		if filepath.Base(o.Path) == "second" {
			break
		}
		proceed <- struct{}{}
	}
	if first, err := os.ReadFile(filepath.Join(dir, "first")); err != nil || string(first) != "1\n" {
		t.Errorf("what came before holds %q, %v; seen %v", first, err, seen)
	}
	if data, err := os.ReadFile(second); err != nil || len(data) > 0 {
		t.Errorf("what comes after holds %q, %v", data, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("who was killed while it waited ended well")
	}
	close(proceed)
	if data, err := os.ReadFile(second); err != nil || len(data) > 0 {
		t.Errorf("the dead wrote %q, %v", data, err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhoWaitsGoesOnWhenTheGateIsClosed(t *testing.T) {
	dir := t.TempDir()
	asked, never := make(chan gate.Opening, 1), make(chan struct{})
	defer close(never)
	g := newGate(t, dir, func(o gate.Opening) {
		asked <- o
		<-never
	})
	cmd := exec.Command("touch", filepath.Join(dir, "file"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
