package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The environment that tells a program how deep inside it is.
const (
	stageEnv = "HOLDFAST_LAB_STAGE"
	runEnv   = "HOLDFAST_LAB_RUN" // directory of this run
)

// The stages of one program, each the parent of the next: outside, the first process of the namespaces, inside.
const (
	stageInit   = "init"
	stageInside = "inside"
)

// Main runs a program inside a lab and returns its exit code: from main or TestMain as os.Exit(lab.Main(run)). The
// program is started anew with the same arguments and standard streams; run is called there, and not here. What went
// wrong before that is printed.
func Main(run func() int) int {
	var code int
	var err error
	switch os.Getenv(stageEnv) {
	case stageInside:
		return run()
	case stageInit:
		code, err = initialise()
	default:
		code, err = enter()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return max(code, 1)
	}
	return code
}

// Inside reports whether this process runs in a lab.
func Inside() bool { return os.Getenv(stageEnv) == stageInside }

// Supported is an error that says why there can be no lab on this machine, or nil. Programs and an image that are
// missing can be made, so they are no reason.
func Supported() error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("the lab needs root on Linux")
	}
	_, err := hierarchies()
	return err
}

// enter runs the program as the first process of new namespaces.
func enter() (code int, err error) {
	if err := Supported(); err != nil {
		return 1, err
	}
	if err := raiseWatchers(); err != nil {
		return 1, err
	}
	// An interrupt ends the child first, so that what only we can remove is removed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := newRun(ctx)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	// The kernel sends the parent-death signal when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := again(stageInit)
	cmd.Env = append(cmd.Env, runEnv+"="+r.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("enter new namespaces: %w", err)
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	return exitCode(cmd.Wait())
}

// initialise furnishes the namespaces, runs the program in them and, as their first process, buries orphans.
func initialise() (int, error) {
	if err := furnish(); err != nil {
		return 1, err
	}
	cmd := again(stageInside)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == cmd.Process.Pid:
			return status.ExitStatus(), nil
		}
	}
}

// furnish mounts what the machines need to be kept apart from the host's, and brings up the loopback interface.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, dir := range []string{"/run/netns", nspawnDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	return command(context.Background(), "ip", "link", "set", "lo", "up")
}

// again is this program with the same arguments, in another stage.
func again(stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), stageEnv+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// exitCode is what a shell would make of how a child ended.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
