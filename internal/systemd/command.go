package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Command is how a unit starts its program, as systemd would: variables are in place.
type Command struct {
	Program string
	// Args without the program.
	Args []string
	// Words are the arguments as they stand in the unit, variables not replaced.
	Words []string
	Env   map[string]string
	// Dir that it starts in; empty is "/".
	Dir string
	// User and Group that it runs as, by name or number; empty is root, and the user's own group.
	User, Group string
}

var (
	// ErrNotLoaded: systemd knows no such unit, or can't read it. The text says which.
	ErrNotLoaded = errors.New("systemd has not loaded the unit")
	// ErrNoCommand: the unit starts nothing.
	ErrNoCommand = errors.New("the unit starts nothing")
)

// Command reads how the unit is started, now.
func (u Unit) Command(ctx context.Context) (Command, error) {
	var command Command
	err := u.with(ctx, "read", func(c *dbus.Conn) error {
		load, err := property[string](ctx, c, u.Name, "Unit", "LoadState")
		if err != nil {
			return err
		}
		if load != "loaded" {
			return fmt.Errorf("%w: it is %s", ErrNotLoaded, load)
		}
		var p properties
		if err := p.read(ctx, c, u.Name); err != nil {
			return err
		}
		command, err = p.command(os.ReadFile)
		return err
	})
	return command, err
}

// properties of a service, as systemd hands them out.
type properties struct {
	commands    []execCommand
	environment []string
	files       []envFile
	dir         string
	user, group string
}

// execCommand is one line of ExecStart.
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

func (p *properties) read(ctx context.Context, c *dbus.Conn, name string) (err error) {
	if p.commands, err = property[[]execCommand](ctx, c, name, "Service", "ExecStart"); err != nil {
		return err
	}
	if p.environment, err = property[[]string](ctx, c, name, "Service", "Environment"); err != nil {
		return err
	}
	if p.files, err = property[[]envFile](ctx, c, name, "Service", "EnvironmentFiles"); err != nil {
		return err
	}
	for key, to := range map[string]*string{"WorkingDirectory": &p.dir, "User": &p.user, "Group": &p.group} {
		if *to, err = property[string](ctx, c, name, "Service", key); err != nil {
			return err
		}
	}
	return nil
}

// command makes a command of the properties.
func (p *properties) command(readFile func(string) ([]byte, error)) (Command, error) {
	if len(p.commands) == 0 {
		return Command{}, ErrNoCommand
	}
	env, err := p.env(readFile)
	if err != nil {
		return Command{}, err
	}
	last := p.commands[len(p.commands)-1] // a oneshot may have more; what matters is the last
	command := Command{Program: last.Path, Env: env, Dir: strings.TrimPrefix(p.dir, "!"), User: p.user, Group: p.group}
	if len(last.Argv) > 1 {
		command.Words = last.Argv[1:]
		command.Args = Expand(command.Words, env)
	}
	return command, nil
}

// env is the environment. The files beat Environment, and the last of them the others.
func (p *properties) env(readFile func(string) ([]byte, error)) (map[string]string, error) {
	env := map[string]string{}
	ParseEnvironment(p.environment, env)
	for _, f := range p.files {
		for _, path := range f.paths() {
			data, err := readFile(path)
			if f.Optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read its environment: %w", err)
			}
			ParseEnvironment(environmentFile(data), env)
		}
	}
	return env, nil
}

// paths that a file stands for: its name may be a pattern.
func (f envFile) paths() []string {
	if paths, err := filepath.Glob(f.Path); err == nil && len(paths) > 0 {
		return paths
	}
	return []string{f.Path}
}
