package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
)

// abortEnv makes this program one that has a lab with a machine, says where its processes are, and waits to be killed.
const abortEnv = "HOLDFAST_LAB_TEST_ABORT"

func TestMain(m *testing.M) {
	if os.Getenv(abortEnv) != "" {
		os.Exit(lab.Main(waitForDeath))
	}
	os.Exit(labtest.Main(m))
}

func waitForDeath() int {
	l, err := lab.New(context.Background(), lab.Config{})
	if err == nil {
		_, err = l.Add(context.Background(), 1)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(filepath.Base(os.Getenv("HOLDFAST_LAB_RUN")))
	<-make(chan struct{})
	return 0
}

// A lab of its own inside this one is a program as any other.
func TestAKilledProgramLeavesNoProcessAndTheNextOneRemovesTheRest(t *testing.T) {
	labtest.New(t, lab.Config{}, 0)
	id, cmd := startAnother(t)
	procs := filepath.Join(unified(t), id, "lab1", "node1", "cgroup.events")
	if events, err := os.ReadFile(procs); err != nil || !strings.Contains(string(events), "populated 1") {
		t.Fatalf("the machine does not run: %s, %v", events, err)
	}
	do(t, cmd.Process.Kill())
	cmd.Wait()
	do(t, lab.Until(t.Context(), "its processes to go", func(context.Context) error {
		if events, err := os.ReadFile(procs); err != nil || !strings.Contains(string(events), "populated 0") {
			return fmt.Errorf("%s, %v", events, err)
		}
		return nil
	}))
	next, cmd := startAnother(t)
	if _, err := os.Stat(filepath.Join(unified(t), id)); !os.IsNotExist(err) {
		t.Errorf("cgroup of %s: %v", id, err)
	}
	runs := filepath.Dir(os.Getenv("HOLDFAST_LAB_RUN"))
	if _, err := os.Stat(filepath.Join(runs, id)); !os.IsNotExist(err) {
		t.Errorf("directory of %s: %v", id, err)
	}
	do(t, cmd.Process.Signal(os.Interrupt))
	cmd.Wait()
	if _, err := os.Stat(filepath.Join(runs, next)); !os.IsNotExist(err) {
		t.Errorf("directory of %s, which was interrupted: %v", next, err)
	}
}

// startAnother runs this program outside of its lab and returns the name of its run once its machine is up.
func startAnother(t *testing.T) (string, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HOLDFAST_LAB_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, abortEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	do(t, err)
	do(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "holdfast-lab-") {
		t.Fatalf("it says %q", lines.Text())
	}
	return lines.Text(), cmd
}

func unified(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	do(t, err)
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup2" {
			return f[1]
		}
	}
	t.Fatal("no unified cgroup hierarchy")
	return ""
}
