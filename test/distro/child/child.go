// Package child runs the programs of which a server is made: as children that die with it, as k3s' parts do, or as pods that
// outlive it, as rke2's do.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopGrace is how long a program may take to end after SIGTERM.
const stopGrace = 10 * time.Second

// Program is what to run.
type Program struct {
	// Name of the part: "etcd", "kube-apiserver".
	Name string
	Path string
	Args []string
	// Hash changes with what the program reads at its start: a pod with another one is started anew.
	Hash string
}

// Runner starts programs.
type Runner interface {
	// Start returns when the program runs, not when it answers. One that a former server has left running is taken over if
	// it is the same program, and replaced otherwise.
	Start(ctx context.Context, p Program) (Process, error)
}

// Process is a program that was started.
type Process interface {
	// Done is closed when the program has ended.
	Done() <-chan struct{}
	// Stop ends the program, and returns when it has ended.
	Stop() error
	// Leave is for the end of the server: what must die with it is stopped.
	Leave() error
}

// Children are processes that die with this one, in whatever way.
type Children struct {
	// Log gets what they print.
	Log io.Writer
}

type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a child.
func (c Children) Start(_ context.Context, p Program) (Process, error) {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started, process := make(chan error, 1), &child{cmd: cmd, done: make(chan struct{})}
	go process.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	return process, nil
}

// run stays on one thread: the kernel sends the signal when the thread that forked ends.
func (c *child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.cmd.Wait() // how it ended, its own log says
	close(c.done)
}

func (c *child) Done() <-chan struct{} { return c.done }

func (c *child) Leave() error { return c.Stop() }

func (c *child) Stop() error {
	select {
	case <-c.done:
		return nil
	default:
	}
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(stopGrace):
	}
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	<-c.done
	return nil
}
