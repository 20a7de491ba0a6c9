package k3s

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// find returns what runs the distribution, and how it is started.
func (d *Driver) find(ctx context.Context) (service, systemd.Command, error) {
	if d.cfg.Supervisor != nil {
		return d.findSupervised()
	}
	names := []string{d.cfg.Unit}
	if d.cfg.Unit == "" {
		// An installation may have a name, k3s-NAME.service, and people name units as they like.
		found, err := systemd.Find(ctx, "*"+d.cfg.Flavour.Name+"*.service")
		if err != nil {
			return nil, systemd.Command{}, err
		}
		names = order(d.cfg.Flavour, found)
	}
	var reasons []error
	for _, name := range names {
		if strings.HasPrefix(name, resetUnits) {
			continue
		}
		u := unit{systemd.Unit{Name: name, Root: "/"}}
		command, err := u.Command(ctx)
		switch {
		case errors.Is(err, systemd.ErrNotLoaded), errors.Is(err, systemd.ErrNoCommand):
			reasons = append(reasons, err)
		case err != nil:
			return nil, command, err
		case subcommand(d.cfg.Flavour, command) != "":
			return u, command, nil
		}
	}
	return nil, systemd.Command{}, d.missing(errors.Join(reasons...))
}

func (d *Driver) findSupervised() (service, systemd.Command, error) {
	s := supervised{d.cfg.Supervisor}
	command, err := s.command()
	if err != nil {
		return nil, command, err
	}
	if subcommand(d.cfg.Flavour, command) == "" {
		return nil, command, &problem.Error{
			Kind: problem.Refused, Op: "find " + d.cfg.Flavour.Name + " in", Subject: "supervise.command", Err: distro.ErrNotInstalled,
			Why:  "it does not start " + d.cfg.Flavour.Name + " server or " + d.cfg.Flavour.Name + " agent",
			Next: "write the command into agent.yaml as it is started by hand: the program's path first, then server or agent",
		}
	}
	return s, command, nil
}

// order puts the units that the installer makes by itself first, the server's before the agent's: one that was made into
// the other may still have both. Then come those that the installer gives a name.
func order(f Flavour, found []string) []string {
	rank := func(name string) int {
		if i := slices.Index([]string{f.ServerUnit, f.AgentUnit}, name); i >= 0 {
			return i
		}
		if strings.HasPrefix(name, f.Name) {
			return 2
		}
		return 3
	}
	slices.SortStableFunc(found, func(a, b string) int { return rank(a) - rank(b) })
	return found
}

// subcommand that a unit starts the program with: "server", "agent", or "" where it is none of the two.
func subcommand(f Flavour, c systemd.Command) string {
	if filepath.Base(c.Program) != f.Name {
		return ""
	}
	for _, arg := range c.Args {
		if arg == "server" || arg == "agent" {
			return arg
		}
		if !strings.HasPrefix(arg, "-") {
			return ""
		}
	}
	return ""
}

func (d *Driver) missing(reasons error) error {
	f := d.cfg.Flavour
	subject := d.cfg.Unit
	if subject == "" {
		subject = f.ServerUnit + " or " + f.AgentUnit
	}
	return &problem.Error{
		Kind: problem.NotFound, Op: "find the unit of " + f.Name, Subject: subject, Err: errors.Join(distro.ErrNotInstalled, reasons),
		Why:  "no unit starts " + f.Name + " server or " + f.Name + " agent",
		Next: "install " + f.Name + " on this machine, or take the machine out of the cluster; where it runs without systemd, or from a unit without its name, name that in agent.yaml: supervise.command, or unit",
	}
}
