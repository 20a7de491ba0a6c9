package k3s

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/supervise"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// supervised is the distribution as a child of the agent, where there is no systemd.
type supervised struct{ *supervise.Supervisor }

// Recognize tells the processes of a command that starts K3s or RKE2 as a server or an agent, nil for another command. They
// write their title over their environment, so that there is nothing else to know them by. One in another network, as that of
// a container, is another machine's; and a reset is a server, too, but none that may be taken for the running one.
func Recognize(command []string) func(pid int) bool {
	if len(command) < 2 {
		return nil
	}
	for _, f := range []Flavour{K3s, RKE2} {
		start := systemd.Command{Program: command[0], Args: command[1:]}
		if subcommand(f, start) == "" {
			continue
		}
		n := &node{flavour: f, command: start, root: "/"}
		return func(pid int) bool {
			p, ok := readProcess("/proc", pid)
			return ok && n.runs(p) && sameNetwork("/proc", pid) && !resetting(pid)
		}
	}
	return nil
}

func (s supervised) command() (systemd.Command, error) {
	words, err := s.Command()
	if err != nil {
		return systemd.Command{}, errors.Join(distro.ErrNotInstalled, err)
	}
	c := systemd.Command{Program: words[0], Args: words[1:], Env: map[string]string{}}
	if path, err := exec.LookPath(c.Program); err == nil {
		c.Program = path
	}
	for _, word := range c.Args { // nothing in it is expanded
		c.Words = append(c.Words, strings.ReplaceAll(word, "$", "$$"))
	}
	for _, setting := range s.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		c.Env[name] = value
	}
	c.Dir, err = os.Getwd()
	return c, err
}

// String implements service.
func (s supervised) String() string { return s.Name() + ", which the agent runs," }

// Running implements service.
func (s supervised) Running(context.Context) (bool, error) { return s.Alive() }

// Active implements service. Nobody is told when it is ready.
func (s supervised) Active(context.Context) (bool, error) { return s.Alive() }

// Start implements service.
func (s supervised) Start(context.Context) error { return s.Begin() }

// Stop implements service.
func (s supervised) Stop(ctx context.Context) error { return s.Halt(ctx) }

// Restart implements service.
func (s supervised) Restart(ctx context.Context) error {
	if err := s.Halt(ctx); err != nil {
		return err
	}
	return s.Begin()
}

// Invocation implements service: the process, and when it was started, since ids come again.
func (s supervised) Invocation(context.Context) (string, error) {
	pid, err := s.Child()
	if err != nil || pid == 0 {
		return "", err
	}
	const started = 19
	fields := statusOf(pid)
	if len(fields) <= started {
		return "", nil // it has ended meanwhile
	}
	return strconv.Itoa(pid) + "-" + fields[started], nil
}

// Bar implements service: the supervisor looks at the fence itself.
func (s supervised) Bar(context.Context, systemd.Condition) error { return nil }

// Unbar implements service.
func (s supervised) Unbar(context.Context, systemd.Condition) error { return nil }

// Override implements service.
func (s supervised) Override(_ context.Context, _, _ string, words []string) error {
	words = slices.Clone(words)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "$$", "$")
	}
	return s.Supervisor.Override(words)
}

// Retract implements service.
func (s supervised) Retract(context.Context) error { return s.Supervisor.Retract() }
