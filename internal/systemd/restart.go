package systemd

import (
	"context"
	"encoding/hex"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Restart queues a job that stops the unit and starts it again, and does not wait for it.
func (u Unit) Restart(ctx context.Context) error {
	return u.with(ctx, "restart", func(c *dbus.Conn) error {
		_, err := c.RestartUnitContext(ctx, u.Name, "replace", nil)
		return err
	})
}

// Invocation is the id of the unit's present run; empty when it does not run. Each run has another.
func (u Unit) Invocation(ctx context.Context) (id string, err error) {
	err = u.with(ctx, "look at", func(c *dbus.Conn) error {
		state, err := property[string](ctx, c, u.Name, "Unit", "ActiveState")
		if err != nil || state == "inactive" || state == "failed" {
			return err
		}
		raw, err := property[[]byte](ctx, c, u.Name, "Unit", "InvocationID")
		id = hex.EncodeToString(raw)
		return err
	})
	return id, err
}
