package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// unit is a systemd unit that runs etcd.
type unit struct {
	name  string
	fence fence
	// root is "/"; tests have another.
	root string
}

// dropIn makes the unit obey the fence. Its name sorts before others, so that none of them resets it by chance.
func (u unit) dropIn() string {
	return filepath.Join(u.root, "etc/systemd/system", u.name+".d", "00-holdfast-fence.conf")
}

func (u unit) dropInText() string {
	return "# Written by holdfast-agent while an operation keeps etcd from starting.\n" +
		"[Unit]\nConditionPathExists=!" + strings.ReplaceAll(u.fence.path(), "%", "%%") + "\n"
}

func (u unit) bar(ctx context.Context) error {
	if err := durable.MkdirAll(filepath.Dir(u.dropIn()), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(u.dropIn(), []byte(u.dropInText()), 0o644); err != nil {
		return err
	}
	return u.reload(ctx)
}

func (u unit) unbar(ctx context.Context) error {
	if err := remove(u.dropIn()); err != nil {
		return err
	}
	if err := os.Remove(filepath.Dir(u.dropIn())); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return u.reload(ctx)
}

func (u unit) reload(ctx context.Context) error {
	return u.with(ctx, "reload systemd for", func(c *dbus.Conn) error { return c.ReloadContext(ctx) })
}

// with connects to systemd. It does not need the bus daemon: systemd has a socket of its own for root.
func (u unit) with(ctx context.Context, op string, do func(*dbus.Conn) error) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		conn, err = dbus.NewSystemConnectionContext(ctx)
	}
	if err != nil {
		return &problem.Error{
			Kind: problem.Unreachable, Op: op, Subject: u.name, Err: err, Why: "systemd can't be reached",
			Next: "the agent must run as root beside systemd; where there is none, let it supervise etcd: supervise.command in agent.yaml",
		}
	}
	defer conn.Close()
	if err := do(conn); err != nil {
		return fmt.Errorf("%s %s: %w", op, u.name, err)
	}
	return nil
}

func (u unit) running(ctx context.Context) (running bool, err error) {
	err = u.with(ctx, "look at", func(c *dbus.Conn) error {
		state, err := property[string](ctx, c, u.name, "Unit", "ActiveState")
		if err != nil {
			return err
		}
		group, err := property[string](ctx, c, u.name, "Service", "ControlGroup")
		if err != nil {
			return err
		}
		running = state != "inactive" && state != "failed" || !u.empty(group)
		return nil
	})
	return running, err
}

func (u unit) stop(ctx context.Context) error {
	return u.with(ctx, "stop", func(c *dbus.Conn) error {
		group, err := property[string](ctx, c, u.name, "Service", "ControlGroup")
		if err != nil {
			return err
		}
		done := make(chan string, 1)
		if _, err := c.StopUnitContext(ctx, u.name, "replace", done); err != nil {
			return err
		}
		select {
		case result := <-done:
			if result != "done" {
				return fmt.Errorf("systemd's job ended as %q", result)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return u.drain(ctx, c, group)
	})
}

// drainPoll is how often a control group is looked at: there is no event for its last process.
const drainPoll = 200 * time.Millisecond

// drain waits until no process of the unit is left. A unit with KillMode=process leaves those that etcd started.
func (u unit) drain(ctx context.Context, c *dbus.Conn, group string) error {
	for tries := 0; !u.empty(group); tries++ {
		if tries == 25 {
			for _, pid := range u.processes(group) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile; the next look tells
			}
		}
		select {
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return fmt.Errorf("processes are left in %s: %w", group, context.Cause(ctx))
		}
	}
	state, err := property[string](ctx, c, u.name, "Unit", "ActiveState")
	if err == nil && state != "inactive" && state != "failed" {
		err = fmt.Errorf("it is %s again: something else has started it", state)
	}
	return err
}

// start queues a job and does not wait for it: etcd reports itself ready only when it has quorum, and the other members
// may start later.
func (u unit) start(ctx context.Context) error {
	return u.with(ctx, "start", func(c *dbus.Conn) error {
		_ = c.ResetFailedUnitContext(ctx, u.name) // one that has not failed is an error to systemd
		_, err := c.StartUnitContext(ctx, u.name, "replace", nil)
		return err
	})
}

// property reads one property of a unit.
func property[T any](ctx context.Context, c *dbus.Conn, name, kind, key string) (T, error) {
	var value T
	var p *dbus.Property
	var err error
	if kind == "Unit" {
		p, err = c.GetUnitPropertyContext(ctx, name, key)
	} else {
		p, err = c.GetUnitTypePropertyContext(ctx, name, kind, key)
	}
	if err != nil {
		return value, err
	}
	if err := p.Value.Store(&value); err != nil {
		return value, fmt.Errorf("property %s: %w", key, err)
	}
	return value, nil
}

// execCommand is one line of ExecStart as systemd hands it out.
type execCommand struct {
	Path                          string
	Argv                          []string
	IgnoreErrors                  bool
	StartRealtime, StartMonotonic uint64
	ExitRealtime, ExitMonotonic   uint64
	PID                           uint32
	Code, Status                  int32
}

// envFile is one EnvironmentFile; Optional is the dash before its name.
type envFile struct {
	Path     string
	Optional bool
}

func (u unit) invocation(ctx context.Context) (invocation, error) {
	var inv invocation
	err := u.with(ctx, "read", func(c *dbus.Conn) error {
		load, err := property[string](ctx, c, u.name, "Unit", "LoadState")
		if err != nil {
			return err
		}
		if load != "loaded" {
			return &problem.Error{
				Kind: problem.NotFound, Op: "find etcd's unit", Subject: u.name, Err: distro.ErrNotInstalled, Why: "systemd says that it is " + load,
				Next: "name the unit that runs etcd in the cluster: spec.config.etcd.unit",
			}
		}
		commands, err := property[[]execCommand](ctx, c, u.name, "Service", "ExecStart")
		if err != nil {
			return err
		}
		environment, err := property[[]string](ctx, c, u.name, "Service", "Environment")
		if err != nil {
			return err
		}
		files, err := property[[]envFile](ctx, c, u.name, "Service", "EnvironmentFiles")
		if err != nil {
			return err
		}
		dir, err := property[string](ctx, c, u.name, "Service", "WorkingDirectory")
		if err != nil {
			return err
		}
		inv, err = readUnit(commands, environment, files, strings.TrimPrefix(dir, "!"), os.ReadFile)
		return err
	})
	return inv, err
}

// readUnit makes an invocation of a unit's properties. The files beat Environment, and the last of them the others.
func readUnit(commands []execCommand, environment []string, files []envFile, dir string, readFile func(string) ([]byte, error)) (invocation, error) {
	if len(commands) == 0 {
		return invocation{}, fmt.Errorf("%w: the unit starts nothing", distro.ErrNotInstalled)
	}
	env := map[string]string{}
	parseEnvironment(environment, env)
	for _, f := range files {
		paths, err := filepath.Glob(f.Path)
		if err != nil || len(paths) == 0 {
			paths = []string{f.Path}
		}
		for _, path := range paths {
			data, err := readFile(path)
			if f.Optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return invocation{}, fmt.Errorf("read its environment: %w", err)
			}
			parseEnvironment(environmentFile(data), env)
		}
	}
	command := commands[len(commands)-1] // a oneshot may have more; etcd's is the last
	var args []string
	if len(command.Argv) > 1 {
		args = expand(command.Argv[1:], env)
	}
	return unwrap(invocation{program: command.Path, args: args, env: env, dir: dir}), nil
}

// unwrap looks behind a shell that runs etcd: sh -c "exec etcd …".
func unwrap(inv invocation) invocation {
	switch filepath.Base(inv.program) {
	case "sh", "bash", "dash":
	default:
		return inv
	}
	if len(inv.args) < 2 || !strings.HasSuffix(inv.args[0], "c") {
		return inv
	}
	words := expand(splitWords(inv.args[1]), inv.env)
	for i, word := range words {
		if filepath.Base(word) == "etcd" {
			inv.program, inv.args = word, words[i+1:]
			return inv
		}
	}
	return inv
}
