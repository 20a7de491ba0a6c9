package etcd

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// unit is a systemd unit that runs etcd.
type unit struct {
	systemd.Unit
	fence fence
}

// condition makes the unit obey the fence.
func (u unit) condition() systemd.Condition {
	return systemd.Condition{
		DropIn: "00-holdfast-fence", File: u.fence.path(),
		Why: "Written by holdfast-agent while an operation keeps etcd from starting.",
	}
}

func (u unit) running(ctx context.Context) (bool, error) { return u.Running(ctx) }
func (u unit) stop(ctx context.Context) error            { return u.Stop(ctx) }
func (u unit) start(ctx context.Context) error           { return u.Start(ctx) }
func (u unit) bar(ctx context.Context) error             { return u.Bar(ctx, u.condition()) }
func (u unit) unbar(ctx context.Context) error           { return u.Unbar(ctx, u.condition()) }

func (u unit) invocation(ctx context.Context) (invocation, error) {
	command, err := u.Command(ctx)
	switch {
	case errors.Is(err, systemd.ErrNotLoaded):
		return invocation{}, &problem.Error{
			Kind: problem.NotFound, Op: "find etcd's unit", Subject: u.Name, Err: errors.Join(distro.ErrNotInstalled, err), Why: systemd.ErrNotLoaded.Error(),
			Next: "name the unit that runs etcd in the cluster: spec.config.etcd.unit",
		}
	case errors.Is(err, systemd.ErrNoCommand):
		return invocation{}, errors.Join(distro.ErrNotInstalled, err)
	case err != nil:
		return invocation{}, err
	}
	return unwrap(command), nil
}

// unwrap looks behind a shell that runs etcd: sh -c "exec etcd …".
func unwrap(c systemd.Command) invocation {
	inv := invocation{program: c.Program, args: c.Args, env: c.Env, dir: c.Dir, user: c.User, group: c.Group}
	switch filepath.Base(inv.program) {
	case "sh", "bash", "dash":
	default:
		return inv
	}
	if len(inv.args) < 2 || !strings.HasSuffix(inv.args[0], "c") {
		return inv
	}
	words := systemd.Expand(systemd.Words(inv.args[1]), inv.env)
	for i, word := range words {
		if filepath.Base(word) == "etcd" {
			inv.program, inv.args = word, words[i+1:]
			return inv
		}
	}
	return inv
}
