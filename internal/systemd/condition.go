package systemd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/holdfast-dev/holdfast/engine/durable"
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

func (u Unit) dropIn(c Condition) string {
	return filepath.Join(u.Root, "etc/systemd/system", u.Name+".d", c.DropIn+".conf")
}

// Bar puts a condition on the unit. It is durable.
func (u Unit) Bar(ctx context.Context, c Condition) error {
	path := u.dropIn(c)
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(path, []byte(c.text()), 0o644); err != nil {
		return err
	}
	return u.reload(ctx)
}

// Unbar takes a condition away. It is durable.
func (u Unit) Unbar(ctx context.Context, c Condition) error {
	path := u.dropIn(c)
	if err := durable.Remove(path); err != nil {
		return err
	}
	if err := os.Remove(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return u.reload(ctx)
}

func (u Unit) reload(ctx context.Context) error {
	return u.with(ctx, "reload systemd for", func(c *dbus.Conn) error { return c.ReloadContext(ctx) })
}
