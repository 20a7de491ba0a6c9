package k3s

import (
	"context"

	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// service is what runs the distribution on this machine: a unit of systemd, or, where there is none, the agent itself.
type service interface {
	// String names it for people.
	String() string
	// Running says whether it is on, or any process of it is alive; Active, whether it has started and not ended.
	Running(ctx context.Context) (bool, error)
	Active(ctx context.Context) (bool, error)
	// Start and Restart do not wait until it is up. Stop returns when no process of it is left.
	Start(ctx context.Context) error
	Restart(ctx context.Context) error
	Stop(ctx context.Context) error
	// Invocation tells one run from the next; empty when it does not run.
	Invocation(ctx context.Context) (string, error)
	// Bar makes it obey the fence, and Unbar takes that away again. Both are durable.
	Bar(ctx context.Context, c systemd.Condition) error
	Unbar(ctx context.Context, c systemd.Condition) error
	// Override has it started with other words in place of its own arguments, with variables as in a unit, from the next start
	// on. It is durable. Retract takes that back. OverridePath is the file that it stands in.
	Override(ctx context.Context, why, program string, words []string) error
	Retract(ctx context.Context) error
	OverridePath() string
}

// attempt is a reset under way, which goes on when the agent dies.
type attempt interface {
	// Launch starts it, and returns when it has started. No two can run under one name.
	Launch(ctx context.Context, t systemd.Transient) error
	// Run says how it stands.
	Run(ctx context.Context) (systemd.Run, error)
	// Forget ends it with all its processes, and all that is known of it. One that is not known is no error.
	Forget(ctx context.Context) error
}

// unit is a unit of systemd.
type unit struct{ systemd.Unit }

// String implements service.
func (u unit) String() string { return u.Name }

// Override implements service by a drop-in.
func (u unit) Override(ctx context.Context, why, program string, words []string) error {
	return u.Extend(ctx, systemd.DropIn{
		Name: serverDropIn, Mode: 0o600, Text: "# " + why + "\n[Service]\nExecStart=\nExecStart=" + systemd.Line(program, words) + "\n",
	})
}

// Retract implements service.
func (u unit) Retract(ctx context.Context) error { return u.Unit.Retract(ctx, serverDropIn) }

// OverridePath implements service.
func (u unit) OverridePath() string { return u.DropInPath(serverDropIn) }

// resetUnits begin the names of the units that resets run as.
const resetUnits = "holdfast-reset-"

// attempt is the reset of an id, whose files lie in a directory.
func (d *Driver) attempt(id, dir string) attempt {
	if d.cfg.Supervisor != nil {
		return child{supervisor: d.cfg.Supervisor, dir: dir}
	}
	return systemd.Unit{Name: resetUnits + id + ".service", Root: "/"}
}

// attempts are those that are known of on this machine, under way or ended.
func (d *Driver) attempts(ctx context.Context) ([]attempt, error) {
	all, err := d.everyAttempt(ctx)
	if err != nil {
		return nil, err
	}
	var known []attempt
	for _, a := range all {
		run, err := a.Run(ctx)
		if err != nil {
			return nil, err
		}
		if run.Known {
			known = append(known, a)
		}
	}
	return known, nil
}

func (d *Driver) everyAttempt(ctx context.Context) ([]attempt, error) {
	var all []attempt
	if d.cfg.Supervisor != nil {
		dirs, err := d.resetDirs()
		for _, dir := range dirs {
			all = append(all, child{supervisor: d.cfg.Supervisor, dir: dir})
		}
		return all, err
	}
	names, err := systemd.Find(ctx, resetUnits+"*.service")
	for _, name := range names {
		all = append(all, systemd.Unit{Name: name, Root: "/"})
	}
	return all, err
}
