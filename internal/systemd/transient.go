package systemd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Transient is one run of a program as a unit. It lives on when whoever started it dies, and systemd keeps how it ended
// until it is forgotten or the machine restarts.
type Transient struct {
	// Description for people.
	Description string
	// Command is the program by its path, and its arguments. Everybody on the machine can read them.
	Command []string
	// Like is a unit: the program runs with its environment, working directory and limits. Environment files are handed on
	// by their names: what stands in them stays there.
	Like Unit
	// Output is the file that takes what the program says. It exists, and is empty.
	Output string
	// Limit ends the program, also when nobody waits for it any more.
	Limit time.Duration
}

// ErrLaunched: a unit of this name runs, or has run and was not forgotten.
var ErrLaunched = errors.New("a unit of this name is there already")

// Run is how a transient unit stands.
type Run struct {
	// Known: systemd has it. One that was never launched, was forgotten, or ran before the machine restarted, is not.
	Known bool
	// Running is false once it has ended.
	Running bool
	// Exit is the exit code of one that has ended by itself, -1 of another.
	Exit int
	// Result is systemd's word for how it ended: "success", "exit-code", "signal", "timeout", ….
	Result string
}

// stopTime is what a program gets to end by itself after SIGTERM.
const stopTime = 30 * time.Second

// Launch starts a program as the unit, and returns when it has started. No two can run under one name: ErrLaunched. It
// knows nothing of drop-ins: what bars a unit bars no launch.
func (u Unit) Launch(ctx context.Context, t Transient) error {
	return u.with(ctx, "launch", func(c *dbus.Conn) error {
		like, err := t.Like.inherited(ctx, c)
		if err != nil {
			return err
		}
		done := make(chan string, 1)
		if _, err := c.StartTransientUnitContext(ctx, u.Name, "fail", append(like, t.properties()...), done); err != nil {
			var refused godbus.Error
			if errors.As(err, &refused) && refused.Name == "org.freedesktop.systemd1.UnitExists" {
				return ErrLaunched
			}
			return err
		}
		select {
		case <-done: // how it ended is asked for by its name
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// properties of the unit itself.
func (t Transient) properties() []dbus.Property {
	set := func(name string, value any) dbus.Property {
		return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
	}
	return []dbus.Property{
		dbus.PropDescription(t.Description), dbus.PropExecStart(literal(t.Command), false), dbus.PropType("simple"),
		dbus.PropRemainAfterExit(true), // or else a success would be forgotten at once
		set("StandardOutputFile", t.Output), set("StandardErrorFile", t.Output),
		set("KillMode", "mixed"), // the program ends its children; what is left then is killed
		set("TimeoutStopUSec", uint64(stopTime.Microseconds())), set("RuntimeMaxUSec", uint64(t.Limit.Microseconds())),
	}
}

// literal keeps systemd from looking for variables in words.
func literal(words []string) []string {
	words = slices.Clone(words)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "$", "$$")
	}
	return words
}

// handedOn are the properties of a service that its program may depend on.
var handedOn = []string{"Environment", "LimitNOFILE", "LimitNPROC", "LimitCORE", "TasksMax", "Delegate"}

// inherited are the properties that a unit hands on.
func (u Unit) inherited(ctx context.Context, c *dbus.Conn) ([]dbus.Property, error) {
	if u.Name == "" {
		return nil, nil
	}
	var all []dbus.Property
	for _, name := range handedOn {
		p, err := c.GetUnitTypePropertyContext(ctx, u.Name, "Service", name)
		if err != nil {
			return nil, fmt.Errorf("property %s of %s: %w", name, u.Name, err)
		}
		all = append(all, dbus.Property{Name: name, Value: p.Value})
	}
	files, err := property[[]envFile](ctx, c, u.Name, "Service", "EnvironmentFiles")
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		all = append(all, dbus.Property{Name: "EnvironmentFiles", Value: godbus.MakeVariant(files)})
	}
	dir, err := property[string](ctx, c, u.Name, "Service", "WorkingDirectory")
	if err != nil {
		return nil, err
	}
	if dir != "" {
		// That it may be missing is told by "!" when it is read, and by "-" when it is set.
		all = append(all, dbus.Property{Name: "WorkingDirectory", Value: godbus.MakeVariant(strings.Replace(dir, "!", "-", 1))})
	}
	return all, nil
}

// Run says how a launched unit stands.
func (u Unit) Run(ctx context.Context) (run Run, err error) {
	err = u.with(ctx, "look at", func(c *dbus.Conn) error {
		p, err := c.GetAllPropertiesContext(ctx, u.Name)
		if err != nil {
			return err
		}
		run = runOf(p)
		return nil
	})
	return run, err
}

// exited is how the kernel tells that a process has ended by itself.
const exited = 1

func runOf(p map[string]any) Run {
	text := func(name string) string {
		s, _ := p[name].(string)
		return s
	}
	number := func(name string) int32 {
		n, _ := p[name].(int32)
		return n
	}
	active, sub := text("ActiveState"), text("SubState")
	run := Run{Known: text("LoadState") == "loaded" && active != "inactive", Exit: -1, Result: text("Result")}
	run.Running = run.Known && active != "failed" && sub != "exited"
	if run.Known && !run.Running && number("ExecMainCode") == exited {
		run.Exit = int(number("ExecMainStatus"))
	}
	return run
}

// Forget ends a launched unit with all its processes, and makes systemd forget it. One that is not known is no error.
func (u Unit) Forget(ctx context.Context) error {
	run, err := u.Run(ctx)
	if err != nil || !run.Known {
		return err
	}
	if err := u.Stop(ctx); err != nil {
		return err
	}
	return u.with(ctx, "forget", func(c *dbus.Conn) error {
		_ = c.ResetFailedUnitContext(ctx, u.Name) // one that has not failed is forgotten already, and an error to systemd
		return nil
	})
}
