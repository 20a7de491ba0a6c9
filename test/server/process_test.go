package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// parentDir, in the environment, makes this test program a mere parent of a server.
const parentDir = "SERVER_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		beParent(dir)
	}
	goleak.VerifyTestMain(m) // tests that use this package check for leaks too
}

// beParent starts a server, says which process it is, and waits to be killed.
func beParent(dir string) {
	e, err := server.StartEtcd(context.Background(), server.EtcdConfig{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(e.Members[0].Process().PID())
	select {}
}

func TestAServerDiesWithItsParent(t *testing.T) {
	servertest.Tool(t, "etcd-3.6")
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentDir+"="+t.TempDir())
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("the parent ended by itself")
	}
	wait(t, func() bool { return !alive(pid) })
}

func TestAPausedServerAnswersAfterResume(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{})
	cli := servertest.EtcdClient(t, e)
	p := e.Members[0].Process()
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := cli.Get(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused server: %v", err)
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := e.Members[0].Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAPausedServerCanBeStopped(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{})
	if err := e.Members[0].Process().Pause(); err != nil {
		t.Fatal(err)
	}
	if err := e.Members[0].Stop(); err != nil {
		t.Error(err)
	}
}

func TestAToolThatIsNotThereHasItsOwnError(t *testing.T) {
	if _, err := server.Tool("etcd-1.0"); !errors.Is(err, server.ErrNoTool) {
		t.Errorf("got %v", err)
	}
	if err := server.BuildTool(t.Context(), "etcd-1.0"); err == nil {
		t.Error("it was built")
	}
}

// alive reports whether the process runs: a zombie, which waits for some init to collect it, does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// wait polls until the condition holds.
func wait(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come about")
		case <-tick.C:
		}
	}
}
