// Package fleet runs Holdfast in a lab as its users do: the manager on the host, agents on machines that were joined with
// the line that "holdfast machine join" prints, and the command line beside them. What is true, it reads from the
// manager's resources, from etcd itself, and from the machines' disks.
//
// The programs are those in bin/, which "make build" makes.
package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server"
)

const (
	// firstPort of managers. Labs of one program share their host, so each has one of its own.
	firstPort = 8443
	// commandTimeout bounds a command that waits for no operation.
	commandTimeout = time.Minute
	// managerTimeout bounds the start of the manager on a busy machine.
	managerTimeout = 3 * time.Minute
	// joinTimeout bounds the install line on a machine.
	joinTimeout = 3 * time.Minute
)

// Fleet is a manager in a lab.
type Fleet struct {
	Lab *lab.Lab

	dir, bin string
	manager  *server.Process
}

// Programs are what must be in bin/.
var programs = []string{"holdfast", "holdfast-server", "holdfast-agent"}

// Built is an error that says which program has to be built first, or nil.
func Built() error {
	root, err := server.Root()
	if err != nil {
		return err
	}
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(root, "bin", name)); err != nil {
			return fmt.Errorf("run make build: %w", err)
		}
	}
	return nil
}

// New starts a manager in a lab. It keeps what it has in dir. The caller stops it.
func New(ctx context.Context, l *lab.Lab, dir string) (*Fleet, error) {
	root, err := server.Root()
	if err != nil {
		return nil, err
	}
	f := &Fleet{Lab: l, dir: dir, bin: filepath.Join(root, "bin")}
	return f, f.StartManager(ctx)
}

// StartManager starts a manager that does not run, over what an earlier one has left, and returns when it answers.
func (f *Fleet) StartManager(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, managerTimeout)
	defer cancel()
	var err error
	f.manager, err = server.StartProgram(filepath.Join(f.bin, "holdfast-server"), f.ManagerLog(), nil,
		"--data-dir", f.DataDir(), "--listen", fmt.Sprintf(":%d", firstPort+f.Lab.Number-1), "--advertise-address", f.Lab.HostAddress)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	return lab.Until(ctx, "the manager", func(ctx context.Context) error {
		if !f.manager.Running() {
			end(fmt.Errorf("it has ended:\n%s", f.manager.LogTail()))
		}
		_, err := f.Run(ctx, "cluster", "ls")
		return err
	})
}

// StopManager ends the manager in order.
func (f *Fleet) StopManager() error { return f.manager.Stop() }

// KillManager ends the manager with SIGKILL.
func (f *Fleet) KillManager() error { return f.manager.Kill() }

// ManagerLog is the file that has what the manager says.
func (f *Fleet) ManagerLog() string { return filepath.Join(f.dir, "manager.log") }

// DataDir is where the manager keeps all that it has.
func (f *Fleet) DataDir() string { return filepath.Join(f.dir, "manager") }

// Run runs holdfast against the manager and returns what it printed to standard output. The error holds what it printed to
// standard error. A command that waits is bounded by ctx.
func (f *Fleet) Run(ctx context.Context, args ...string) (string, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commandTimeout)
		defer cancel()
	}
	return f.program(ctx, "holdfast", args...)
}

// RunServer runs holdfast-server to do something else than to serve.
func (f *Fleet) RunServer(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, managerTimeout)
	defer cancel()
	return f.program(ctx, "holdfast-server", append(args, "--data-dir", f.DataDir())...)
}

func (f *Fleet) program(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(f.bin, name), args...)
	cmd.Env = f.environment(os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		err = errors.Join(err, context.Cause(ctx))
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// Shell types a script of bash where holdfast speaks to the manager, and answers with a word whatever is asked. It returns
// all that was printed, and the exit code.
func (f *Fleet) Shell(ctx context.Context, script, answer string) (string, int, error) {
	kubectl, err := server.Tool("kubectl")
	if err != nil {
		return "", 0, err
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Env = f.environment(f.bin + ":" + filepath.Dir(kubectl) + ":" + os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(strings.Repeat(answer+"\n", 100))
	cmd.WaitDelay = time.Second
	printed, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return string(printed), 0, context.Cause(ctx)
	}
	if errors.As(err, &exit) && exit.Exited() {
		return string(printed), exit.ExitCode(), nil
	}
	return string(printed), 0, err
}

func (f *Fleet) environment(path string) []string {
	return []string{"PATH=" + path, "HOME=" + f.dir, "KUBECONFIG=" + filepath.Join(f.DataDir(), "kubeconfig")}
}

// Read runs holdfast and reads what it prints as JSON.
func (f *Fleet) Read(ctx context.Context, into any, args ...string) error {
	out, err := f.Run(ctx, append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// JoinLine is the line with which one machine joins a cluster; with etcd, unless roles are named.
func (f *Fleet) JoinLine(ctx context.Context, cluster string, more ...string) (string, error) {
	if !slices.Contains(more, "--role") {
		more = append([]string{"--role", "etcd"}, more...)
	}
	out, err := f.Run(ctx, append([]string{"machine", "join", cluster, "-o", "name"}, more...)...)
	return strings.TrimSpace(out), err
}

// Join joins a machine to a cluster, as an administrator does: the line is run there as it was printed.
func (f *Fleet) Join(ctx context.Context, n *lab.Node, cluster string, more ...string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	line, err := f.JoinLine(ctx, cluster, more...)
	if err != nil {
		return err
	}
	if r, err := n.Exec(ctx, "sh", "-c", line); err != nil || r.Code != 0 {
		return fmt.Errorf("join %s: %w", n.Name, errors.Join(err, fmt.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)))
	}
	return nil
}
