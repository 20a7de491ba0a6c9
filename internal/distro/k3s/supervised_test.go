package k3s

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/supervise"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// asServer makes the test's own program a server: it runs until it is told to end.
const asServer = "HOLDFAST_TEST_SERVER"

func TestMain(m *testing.M) {
	switch os.Getenv(asServer) {
	case "first": // a real one writes its title over its environment
		_ = syscall.Exec(os.Args[0], os.Args, []string{asServer + "=then"})
		os.Exit(1)
	case "then":
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// plain is a machine without systemd. Each call of the function is a new agent on it.
func plain(t *testing.T, args ...string) func() *Driver {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "k3s")
	own, err := os.Executable()
	if err == nil {
		err = os.Symlink(own, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	command := append([]string{program, "server", "--data-dir=" + filepath.Join(dir, "data"), "--disable-agent"}, args...)
	// Beside the server's there is its database: without one it would not be started.
	if err := os.MkdirAll(filepath.Join(dir, "data/server/db/etcd/member/wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	agent := func() *Driver {
		return New(Config{Flavour: K3s, StateDir: dir, Supervisor: supervise.New(supervise.Config{
			Command: command, Env: []string{asServer + "=first", "K3S_CONFIG_FILE=" + filepath.Join(dir, "config.yaml")}, StateDir: dir,
			Is: Recognize(command), Log: slog.New(slog.DiscardHandler),
		})})
	}
	if on, err := agent().Running(t.Context()); on || err != nil {
		t.Fatalf("a K3s runs in this network, which this test would stop: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(agent().endResets(ctx), agent().cfg.Supervisor.Halt(ctx)); err != nil {
			t.Error(err)
		}
	})
	return agent
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came: " + what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAServerWithoutSystemdIsStartedFoundAgainAndStopped(t *testing.T) {
	agent := plain(t)
	running := func() bool {
		on, err := agent().Running(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	if err := agent().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a server that a new agent finds", running)
	first, err := agent().Invocation(t.Context())
	if err != nil || first == "" {
		t.Errorf("its invocation is %q: %v", first, err)
	}
	d := agent()
	if err := d.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another invocation", func() bool {
		next, err := d.Invocation(t.Context())
		return err == nil && next != "" && next != first
	})
	if err := errors.Join(agent().Fence(t.Context()), agent().Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := agent().Start(t.Context()); !errors.Is(err, distro.ErrFenced) {
		t.Errorf("behind its fence: %v", err)
	}
	if running() {
		t.Error("it runs after it was stopped")
	}
}

func TestACommandLineOfTheAgentsOwnThatNamesAServerIsReplaced(t *testing.T) {
	agent := plain(t, "--server=https://old:6443", "--node-name=$n1")
	joins := func() string {
		t.Helper()
		n, err := agent().look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := n.config.String("node-name", ""); got != "$n1" {
			t.Errorf("the node is %s", got)
		}
		return n.config.String("server", "")
	}
	for _, server := range []string{"https://new:6443", "", "https://old:6443"} {
		if err := agent().Point(t.Context(), distro.Joining{Server: server}); err != nil {
			t.Fatal(err)
		}
		if got := joins(); got != server {
			t.Errorf("it joins %q, want %q", got, server)
		}
	}
	if _, err := os.Stat(agent().cfg.Supervisor.OverridePath()); err == nil {
		t.Error("its own command line says so, and another is left")
	}
}

func TestACommandThatStartsNoServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := New(Config{Flavour: K3s, StateDir: dir, Supervisor: supervise.New(supervise.Config{Command: []string{"/usr/bin/etcd"}, StateDir: dir})})
	if _, err := d.Discover(t.Context()); problem.KindOf(err) != problem.Refused || !errors.Is(err, distro.ErrNotInstalled) {
		t.Error(err)
	}
}

// shelled is a reset without systemd.
func shelled(t *testing.T) (again func() child, output string) {
	t.Helper()
	dir := t.TempDir()
	output = filepath.Join(dir, "output")
	if err := os.WriteFile(output, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again = func() child {
		return child{supervisor: supervise.New(supervise.Config{Command: []string{"k3s"}, Env: []string{"WORD=handed on"}, StateDir: dir}), dir: dir}
	}
	t.Cleanup(func() { _ = again().Forget(context.Background()) })
	return again, output
}

func TestAResetWithoutSystemdOutlivesWhoeverBeganIt(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		limit  time.Duration
		want   systemd.Run
	}{
		"it works":         {`echo "$WORD"`, time.Minute, systemd.Run{Known: true, Exit: 0, Result: "success"}},
		"it fails":         {`echo "$WORD"; exit 3`, time.Minute, systemd.Run{Known: true, Exit: 3, Result: "exit-code"}},
		"it is killed":     {`echo "$WORD"; kill -KILL $$`, time.Minute, systemd.Run{Known: true, Exit: -1, Result: "signal"}},
		"it does not end":  {`echo "$WORD"; sleep 600`, -time.Minute, systemd.Run{Known: true, Exit: -1, Result: "timeout"}},
		"it ends its own ": {`echo "$WORD"; trap "exit 0" TERM; sleep 600 & wait`, -time.Minute, systemd.Run{Known: true, Exit: -1, Result: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			again, output := shelled(t)
			if run, err := again().Run(t.Context()); err != nil || run.Known {
				t.Fatal(run, err)
			}
			if err := again().Launch(t.Context(), systemd.Transient{Command: []string{"/bin/sh", "-c", test.script}, Output: output, Limit: test.limit}); err != nil {
				t.Fatal(err)
			}
			var run systemd.Run
			eventually(t, "its end", func() bool {
				var err error
				if run, err = again().Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				return !run.Running
			})
			if diff := cmp.Diff(test.want, run); diff != "" {
				t.Error(diff)
			}
			if err := again().Launch(t.Context(), systemd.Transient{Command: []string{"/bin/true"}, Output: output}); !errors.Is(err, systemd.ErrLaunched) {
				t.Errorf("it was begun twice: %v", err)
			}
			if said, err := os.ReadFile(output); err != nil || !strings.HasPrefix(string(said), "handed on\n") && test.limit > 0 {
				t.Errorf("it said %q: %v", said, err)
			}
			if err := again().Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			if run, err := again().Run(t.Context()); err != nil || run.Known {
				t.Errorf("it was forgotten: %+v, %v", run, err)
			}
		})
	}
}

func TestAResetIsNoRunningServerAndIsEndedWithAllThatItStarted(t *testing.T) {
	agent := plain(t)
	d := agent()
	words, err := d.cfg.Supervisor.Command()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(d.cfg.StateDir, "reset", "u1")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "output"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.attempt("u1", dir).Launch(t.Context(), systemd.Transient{Command: words, Output: filepath.Join(dir, "output"), Limit: time.Minute}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a server below the shell", func() bool {
		n, err := agent().look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left, err := n.alive()
		return err == nil && len(left) == 1
	})
	if on, err := agent().Running(t.Context()); on || err != nil {
		t.Errorf("running: %v, %v", on, err)
	}
	if on, err := agent().cfg.Supervisor.Alive(); on || err != nil {
		t.Errorf("it is taken for the server: %v, %v", on, err)
	}
	if err := agent().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run, err := agent().attempt("u1", dir).Run(t.Context()); run.Known || err != nil {
		t.Errorf("it is left: %+v, %v", run, err)
	}
}
