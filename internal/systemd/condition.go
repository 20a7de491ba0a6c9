package systemd

import (
	"context"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Condition keeps a unit from starting while a file exists, by whomever, also after a reboot. It is a drop-in of the unit.
type Condition struct {
	// DropIn is its name without an ending. One that sorts first is reset by no other by chance.
	DropIn string
	// File keeps the unit from starting while it exists.
	File string
	// Why is a line for whoever finds the drop-in.
	Why string
}

func (c Condition) text() string {
	return "# " + c.Why + "\n[Unit]\nConditionPathExists=!" + strings.ReplaceAll(c.File, "%", "%%") + "\n"
}

func (c Condition) dropIn() DropIn { return DropIn{Name: c.DropIn, Text: c.text()} }

// Bar puts a condition on the unit. It is durable.
func (u Unit) Bar(ctx context.Context, c Condition) error { return u.Extend(ctx, c.dropIn()) }

// Unbar takes a condition away. It is durable.
func (u Unit) Unbar(ctx context.Context, c Condition) error { return u.Retract(ctx, c.DropIn) }

func (u Unit) reload(ctx context.Context) error {
	return u.with(ctx, "reload systemd for", func(c *dbus.Conn) error { return c.ReloadContext(ctx) })
}
