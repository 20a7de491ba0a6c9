package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to end after SIGTERM before it is killed.
const stopGrace = 15 * time.Second

// command says how a child process is started.
type command struct {
	tool string   // name of a pinned program
	path string   // or a program's path
	args []string // never secrets: any user of the machine can read them
	env  []string // added to a small fixed environment
	log  string   // file that gets what the program prints; appended to
	cell *Cell    // what the program sees of this machine; nil: all
}

// Cell is what a container leaves of a machine: a directory for a file system, and a user who is nobody. It takes root.
type Cell struct {
	// Root is the directory. The program is in it, and everything that it reads.
	Root string
	// User is the user's id, and the group's.
	User uint32
}

// Process is a running server program.
type Process struct {
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when the program has ended and was waited for
	err     error         // how it ended; valid once done is closed
}

// start runs a program. It returns when the program runs, not when it answers.
func start(c command) (*Process, error) {
	path := c.path
	if path == "" {
		var err error
		if path, err = Tool(c.tool); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(c.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(path, c.args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(c.log)}, c.env...)
	cmd.Dir = filepath.Dir(c.log)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if c.cell != nil {
		cmd.Dir = "/"
		cmd.SysProcAttr.Chroot = c.cell.Root
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.cell.User, Gid: c.cell.User}
	}
	p := &Process{cmd: cmd, logPath: c.log, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	return p, nil
}

// StartProgram runs any program in the background, as the servers are run: it ends with this process at the latest. What it
// prints is appended to the file log.
func StartProgram(path, log string, env []string, args ...string) (*Process, error) {
	return start(command{path: path, args: args, env: env, log: log})
}

// StartConfined is StartProgram in a cell. Path is the program's in there.
func StartConfined(cell Cell, path, log string, env []string, args ...string) (*Process, error) {
	return start(command{path: path, args: args, env: env, log: log, cell: &cell})
}

// Wait waits until the program has ended, and returns what it said last if that was no success.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Kill())
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(p.cmd.Path), p.err, p.LogTail())
	}
	return nil
}

// run starts the program and waits for it on one thread: the kernel sends the parent-death signal when the thread that
// forked ends, not the process, and Go is free to end a thread.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// PID is the process id, which is also the id of its process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the program has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the program with SIGTERM, and with SIGKILL when it takes too long. It returns when the program is gone. A
// program that has ended already is fine.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	p.Signal(syscall.SIGCONT) // a paused program would not see the first signal
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		return errors.Join(fmt.Errorf("%s did not end within %s of SIGTERM", filepath.Base(p.cmd.Path), stopGrace), p.Kill())
	}
}

// Kill ends the program and whatever it started with SIGKILL. It returns when the program is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Pause freezes the program (its connections stay open and nothing answers) until Resume.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused program go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Signal sends a signal to the program's process group. A program that has ended is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	err := syscall.Kill(-p.PID(), sig)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// LogTail returns the last lines that the program printed, for an error message.
func (p *Process) LogTail() string { return LogTail(p.logPath) }

// LogPath is the file that holds all that the program printed.
func (p *Process) LogPath() string { return p.logPath }

// answers waits until check succeeds. It gives up when the program ends or ctx does, and then says what the last check
// and the log said.
func (p *Process) answers(ctx context.Context, check func(context.Context) error) error {
	for {
		last := p.attempt(ctx, check)
		if last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%s); its log ends with:\n%s", filepath.Base(p.cmd.Path), p.cmd.ProcessState, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; last: %w; its log ends with:\n%s",
				filepath.Base(p.cmd.Path), context.Cause(ctx), last, p.LogTail())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// attempt runs check once, for no longer than the program runs.
func (p *Process) attempt(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-p.done:
		case <-ctx.Done():
		}
	}()
	return check(ctx)
}

// LogTail returns the last lines of a log file, or why it can't.
func LogTail(path string) string {
	const n = 4 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	buf := make([]byte, min(n, size))
	if _, err := f.ReadAt(buf, size-int64(len(buf))); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	if size > n {
		if _, whole, ok := bytes.Cut(buf, []byte("\n")); ok {
			buf = whole
		}
	}
	return string(buf)
}
