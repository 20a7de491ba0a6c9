package systemd

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Unit is a service. Its methods may be called concurrently, and more than once: what is so already is no error.
type Unit struct {
	// Name with its ending: "etcd.service".
	Name string
	// Root of the file system: "/". Tests have another.
	Root string
}

// Running says whether the unit is on, or any process of it is alive.
func (u Unit) Running(ctx context.Context) (running bool, err error) {
	err = u.with(ctx, "look at", func(c *dbus.Conn) error {
		state, err := property[string](ctx, c, u.Name, "Unit", "ActiveState")
		if err != nil {
			return err
		}
		group, err := property[string](ctx, c, u.Name, "Service", "ControlGroup")
		if err != nil {
			return err
		}
		running = state != "inactive" && state != "failed" || !u.empty(group)
		return nil
	})
	return running, err
}

// Stop returns when no process of the unit is left.
func (u Unit) Stop(ctx context.Context) error {
	return u.with(ctx, "stop", func(c *dbus.Conn) error {
		group, err := property[string](ctx, c, u.Name, "Service", "ControlGroup")
		if err != nil {
			return err
		}
		done := make(chan string, 1)
		if _, err := c.StopUnitContext(ctx, u.Name, "replace", done); err != nil {
			return err
		}
		select {
		case result := <-done:
			if result != "done" {
				return fmt.Errorf("systemd's job ended as %q", result)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return u.drain(ctx, c, group)
	})
}

// drainPoll is how often a control group is looked at: there is no event for its last process.
const drainPoll = 200 * time.Millisecond

// drain waits until no process of the unit is left. A unit with KillMode=process leaves those that it started.
func (u Unit) drain(ctx context.Context, c *dbus.Conn, group string) error {
	for tries := 0; !u.empty(group); tries++ {
		if tries == 25 {
			for _, pid := range u.processes(group) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile; the next look tells
			}
		}
		select {
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return fmt.Errorf("processes are left in %s: %w", group, context.Cause(ctx))
		}
	}
	state, err := property[string](ctx, c, u.Name, "Unit", "ActiveState")
	if err == nil && state != "inactive" && state != "failed" {
		err = fmt.Errorf("it is %s again: something else has started it", state)
	}
	return err
}

// Start queues a job and does not wait for it: a service may report itself ready only when others have started, too.
func (u Unit) Start(ctx context.Context) error {
	return u.with(ctx, "start", func(c *dbus.Conn) error {
		_ = c.ResetFailedUnitContext(ctx, u.Name) // one that has not failed is an error to systemd
		_, err := c.StartUnitContext(ctx, u.Name, "replace", nil)
		return err
	})
}
