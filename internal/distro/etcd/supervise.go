package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// SupervisorConfig says what a Supervisor runs.
type SupervisorConfig struct {
	// Command starts etcd, with all its arguments. Nothing in it is expanded.
	Command []string
	// Env is the environment, as "NAME=value". The agent's own is not handed on: it may hold credentials.
	Env []string
	// StateDir holds the fence and the log. No two supervisors of a machine share one.
	StateDir string
	Log      *slog.Logger
}

// Supervisor runs etcd as a child in a process group of its own, where there is no systemd to do it. The child outlives
// the agent: a new agent finds it and goes on from there.
type Supervisor struct {
	cfg   SupervisorConfig
	fence fence
	mu    sync.Mutex
	// wanted: Run restarts the child when it ends by itself.
	wanted bool
	// child is the process that was seen last; 0 for none.
	child int
	// launched is when the child was started last, and pause how long it must be ago.
	launched time.Time
	pause    time.Duration
}

// NewSupervisor returns a supervisor. Nothing runs before Run or a start.
func NewSupervisor(cfg SupervisorConfig) *Supervisor {
	cfg.StateDir = absolute(cfg.StateDir)
	return &Supervisor{cfg: cfg, fence: fence{cfg.StateDir}, wanted: true}
}

// absolute is one name for a directory, however it was given: the child is found by it.
func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return dir
}

const (
	superviseEvery = time.Second
	maxPause       = time.Minute
	// termTime is what etcd gets to end by itself. It hands its leadership over meanwhile.
	termTime = 30 * time.Second
	pollTime = 50 * time.Millisecond
)

// Run keeps etcd running, fence and Stop allowing, until ctx ends. The child goes on after that.
func (s *Supervisor) Run(ctx context.Context) error {
	for {
		if err := s.keep(); err != nil {
			s.cfg.Log.Error("etcd could not be started", "error", err)
		}
		if err := s.log().rotate(); err != nil {
			s.cfg.Log.Error("the log of etcd could not be rotated", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(superviseEvery):
		}
	}
}

// keep starts the child when it should run and does not. One that ends again and again is started less and less often.
func (s *Supervisor) keep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted {
		return nil
	}
	if fenced, err := s.fence.up(); err != nil || fenced {
		return err
	}
	if alive, err := s.alive(); err != nil || alive {
		return err
	}
	now := time.Now()
	if now.Before(s.launched.Add(s.pause)) {
		return nil
	}
	if now.Sub(s.launched) > maxPause {
		s.pause = 0
	}
	s.pause = min(max(2*s.pause, superviseEvery), maxPause)
	s.launched = now
	return s.launch()
}

// mark is in the environment of the child and of whatever it starts. It is how they are found, also by a later agent: a
// file with a process id might not be written yet when the agent dies, or speak of another process by now.
func (s *Supervisor) mark() string { return "HOLDFAST_SUPERVISED=" + s.cfg.StateDir }

// launch starts the child.
func (s *Supervisor) launch() error {
	if len(s.cfg.Command) == 0 {
		return fmt.Errorf("%w: no command to supervise", distro.ErrNotInstalled)
	}
	log, err := s.log().open()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.cfg.Command[0], s.cfg.Command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), s.mark()}, s.cfg.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.child = cmd.Process.Pid
	go func() { _ = cmd.Wait() }() // reaps it; how it ended stands in its log
	s.cfg.Log.Info("etcd started", "pid", s.child)
	return nil
}

// alive says whether the child runs. The child that is known is looked at alone: this is asked every second.
func (s *Supervisor) alive() (bool, error) {
	if s.child != 0 && hasEnv(s.child, s.mark()) {
		return true, nil
	}
	pids, err := withEnv(s.mark())
	if len(pids) > 0 {
		s.child = pids[0]
	}
	return len(pids) > 0, err
}

// halt ends the child and all that it started, and returns when none of them is left.
func (s *Supervisor) halt(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = false
	signal := syscall.SIGTERM
	kill := time.After(termTime)
	for first := true; ; first = false {
		pids, err := withEnv(s.mark())
		if err != nil || len(pids) == 0 {
			return err
		}
		if first || signal == syscall.SIGKILL {
			for _, pid := range pids {
				_ = syscall.Kill(pid, signal) // it may have ended meanwhile; the next look tells
			}
		}
		select {
		case <-kill:
			signal = syscall.SIGKILL
		case <-ctx.Done():
			return fmt.Errorf("etcd (process %d) has not ended: %w", pids[0], context.Cause(ctx))
		case <-time.After(pollTime):
		}
	}
}

// begin starts the child at once, however often it ended before.
func (s *Supervisor) begin() error {
	s.mu.Lock()
	s.wanted, s.pause = true, 0
	s.mu.Unlock()
	return s.keep()
}

// supervised is etcd under a Supervisor.
type supervised struct {
	*Supervisor
	fence fence
}

func (s supervised) invocation(context.Context) (invocation, error) {
	if len(s.cfg.Command) == 0 {
		return invocation{}, fmt.Errorf("%w: supervise.command is empty", distro.ErrNotInstalled)
	}
	dir, err := os.Getwd()
	if err != nil {
		return invocation{}, err
	}
	env := map[string]string{}
	systemd.ParseEnvironment(s.cfg.Env, env)
	program, args := s.cfg.Command[0], s.cfg.Command[1:]
	if path, err := exec.LookPath(program); err == nil {
		program = path
	}
	return invocation{program: program, args: args, env: env, dir: dir}, nil
}

func (s supervised) running(context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive()
}

func (s supervised) stop(ctx context.Context) error { return s.halt(ctx) }
func (s supervised) start(context.Context) error    { return s.begin() }

// The supervisor looks at the fence file itself.
func (s supervised) bar(context.Context) error   { return nil }
func (s supervised) unbar(context.Context) error { return nil }
