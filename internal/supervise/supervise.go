package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Config says what a Supervisor runs.
type Config struct {
	// Command starts the program, with all its arguments. Nothing in it is expanded.
	Command []string
	// Env is the environment, as "NAME=value". The agent's own is not handed on: it may hold credentials.
	Env []string
	// StateDir holds the fence and the log. No two supervisors of a machine share one.
	StateDir string
	// Is says whether a process is the program, for one that can't be known by its environment: k3s and rke2 write their
	// title over it. One that somebody else started is taken over as it is. nil: the environment tells.
	Is  func(pid int) bool
	Log *slog.Logger
}

// Supervisor runs one program as a child in a process group of its own. Its methods may be called concurrently.
type Supervisor struct {
	cfg Config
	mu  sync.Mutex
	// wanted: Run restarts the child when it ends by itself.
	wanted bool
	// child is the process that was seen last; 0 for none.
	child int
	// launched is when the child was started last, and pause how long it must be ago.
	launched time.Time
	pause    time.Duration
}

// New returns a supervisor. Nothing runs before Run or Begin.
func New(cfg Config) *Supervisor {
	cfg.StateDir = absolute(cfg.StateDir)
	return &Supervisor{cfg: cfg, wanted: true}
}

// ErrNoCommand: there is no command to supervise.
var ErrNoCommand = errors.New("supervise.command is empty")

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
	// termTime is what the program gets to end by itself. etcd hands its leadership over meanwhile.
	termTime = 30 * time.Second
	pollTime = 50 * time.Millisecond
)

// Name of the program, for people.
func (s *Supervisor) Name() string {
	if len(s.cfg.Command) == 0 {
		return "the program"
	}
	return filepath.Base(s.cfg.Command[0])
}

// Run keeps the program running, fence and Halt allowing, until ctx ends. The child goes on after that.
func (s *Supervisor) Run(ctx context.Context) error {
	for {
		if err := s.keep(); err != nil {
			s.cfg.Log.Error(s.Name()+" could not be started", "error", err)
		}
		if err := s.log().rotate(); err != nil {
			s.cfg.Log.Error("the log of "+s.Name()+" could not be rotated", "error", err)
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
	if fenced, err := s.fenced(); err != nil || fenced {
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

func (s *Supervisor) fenced() (bool, error) {
	_, err := os.Lstat(filepath.Join(s.cfg.StateDir, "fence"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// mark is in the environment of the child and of whatever it starts. It is how they are found, also by a later agent: a
// file with a process id might not be written yet when the agent dies, or speak of another process by now.
func (s *Supervisor) mark() string { return "HOLDFAST_SUPERVISED=" + s.cfg.StateDir }

// is says whether a process is the program's.
func (s *Supervisor) is(pid int) bool {
	if s.cfg.Is != nil {
		return s.cfg.Is(pid)
	}
	return HasEnv(pid, s.mark())
}

// launch starts the child.
func (s *Supervisor) launch() error {
	words, err := s.Command()
	if err != nil {
		return err
	}
	log, err := s.log().open()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(s.Environment(), s.mark())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.child = cmd.Process.Pid
	go func() { _ = cmd.Wait() }() // reaps it; how it ended stands in its log
	s.cfg.Log.Info(s.Name()+" started", "pid", s.child)
	return nil
}

// Environment that the program is started with.
func (s *Supervisor) Environment() []string {
	return append([]string{"PATH=" + os.Getenv("PATH")}, s.cfg.Env...)
}

// alive says whether the child runs. The child that is known is looked at alone: this is asked every second.
func (s *Supervisor) alive() (bool, error) {
	if s.child != 0 && s.is(s.child) {
		return true, nil
	}
	pids, err := Processes(s.is)
	if len(pids) > 0 {
		s.child = pids[0]
	}
	return len(pids) > 0, err
}

// Alive says whether any process of the program is alive.
func (s *Supervisor) Alive() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive()
}

// Child is the process of the program that was seen last; 0 for none.
func (s *Supervisor) Child() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	alive, err := s.alive()
	if !alive {
		return 0, err
	}
	return s.child, err
}

// Halt ends the program and keeps it from being started again, and returns when no process of it is left.
func (s *Supervisor) Halt(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = false
	return end(ctx, s.Name(), s.is)
}

// Begin starts the program at once, however often it ended before.
func (s *Supervisor) Begin() error {
	s.mu.Lock()
	s.wanted, s.pause = true, 0
	s.mu.Unlock()
	return s.keep()
}

// end ends all processes of a kind, first gently.
func end(ctx context.Context, name string, is func(pid int) bool) error {
	signal := syscall.SIGTERM
	kill := time.After(termTime)
	for first := true; ; first = false {
		pids, err := Processes(is)
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
			return fmt.Errorf("%s (process %d) has not ended: %w", name, pids[0], context.Cause(ctx))
		case <-time.After(pollTime):
		}
	}
}
