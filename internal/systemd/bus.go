package systemd

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// with connects to systemd. It does not need the bus daemon: systemd has a socket of its own for root.
func (u Unit) with(ctx context.Context, op string, do func(*dbus.Conn) error) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		conn, err = dbus.NewSystemConnectionContext(ctx)
	}
	if err != nil {
		return &problem.Error{
			Kind: problem.Unreachable, Op: op, Subject: u.Name, Err: err, Why: "systemd can't be reached",
			Next: "the agent must run as root beside systemd; where there is none, let it supervise etcd: supervise.command in agent.yaml",
		}
	}
	defer conn.Close()
	if err := do(conn); err != nil {
		return fmt.Errorf("%s %s: %w", op, u.Name, err)
	}
	return nil
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
