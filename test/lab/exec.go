package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Result is how a command on a machine ended.
type Result struct {
	Stdout, Stderr string
	// Code is its exit code; what a signal ended has 255 or so.
	Code int
}

// Exec runs a command on a machine, as a unit of its systemd, and waits for its end: as root, in /, with systemd's
// environment, and with no more capabilities than a service of the machine has. It is bounded by ctx, or by two
// minutes. A command that ends with another code than 0 is no error; one that could not be run to its end is, because
// the machine hangs or loses its power.
func (n *Node) Exec(ctx context.Context, argv ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	result, err := n.exec(ctx, argv)
	if err != nil {
		return result, fmt.Errorf("%s: %s: %w", n.Name, strings.Join(argv, " "), err)
	}
	return result, nil
}

// Run is Exec for a command that must end with 0. It returns what was printed to standard output; the error holds what
// was printed to standard error.
func (n *Node) Run(ctx context.Context, argv ...string) (string, error) {
	r, err := n.Exec(ctx, argv...)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: %s: exit code %d: %s", n.Name, strings.Join(argv, " "), r.Code, strings.TrimSpace(r.Stderr))
	}
	return r.Stdout, err
}

func (n *Node) exec(ctx context.Context, argv []string) (Result, error) {
	b := n.boot.Load()
	if b == nil || !b.running() {
		return Result{}, errGone
	}
	args := b.unit()
	if deadline, ok := ctx.Deadline(); ok {
		// The command too ends then, not only we.
		args = append(args, fmt.Sprintf("--property=RuntimeMaxSec=%d", 1+int(time.Until(deadline).Seconds())))
	}
	args = append(append(args, "--pipe", "--wait", "--"), argv...)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	result := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return result, context.Cause(ctx)
	case err != nil && !errors.As(err, &exit):
		return result, err
	case !b.running() || exit != nil && !exit.Exited():
		return result, fmt.Errorf("%w any more", errGone)
	}
	result.Code = cmd.ProcessState.ExitCode()
	return result, nil
}

// Attach is the command line of a command, or without one of a shell, on the machine and on the standard streams of who
// runs it, which are a terminal or not.
func (n *Node) Attach(terminal bool, argv ...string) ([]string, error) {
	b := n.boot.Load()
	if b == nil || !b.running() {
		return nil, fmt.Errorf("%s: %w", n.Name, errGone)
	}
	if len(argv) == 0 {
		argv = []string{"/bin/bash", "-l"}
	}
	streams := "--pipe"
	if terminal {
		streams = "--pty"
	}
	args := append(b.unit(), streams, "--wait", "--setenv=TERM="+os.Getenv("TERM"), "--setenv=HOME=/root", "--")
	return append(args, argv...), nil
}

// unit is the beginning of a command line that makes a unit on the machine. The client is put into the machine's
// namespaces; what it asks for is started by the machine's systemd.
func (b *boot) unit() []string {
	return []string{
		"nsenter", "--target=" + strconv.Itoa(b.leader), "--all", "--wdns=/",
		"systemd-run", "--quiet", "--collect",
	}
}
