package systemd

import (
	"context"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Active says whether the unit has started and not ended: a service that tells systemd when it is ready has done so.
func (u Unit) Active(ctx context.Context) (active bool, err error) {
	err = u.with(ctx, "look at", func(c *dbus.Conn) error {
		state, err := property[string](ctx, c, u.Name, "Unit", "ActiveState")
		active = state == "active" || state == "reloading"
		return err
	})
	return active, err
}
