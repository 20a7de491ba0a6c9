package k3s

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

var _ distro.SelfScheduler = (*Driver)(nil)

// disableFlag turns the distribution's cron off. Snapshots by hand stay possible.
const disableFlag = "etcd-disable-snapshots"

const scheduleText = "# Written by holdfast-agent: Holdfast takes the recurring snapshots of this cluster.\n" + disableFlag + ": true\n"

// scheduleFile is the drop-in that turns the cron off. Its name sorts behind most others, and what comes last counts.
func (n *node) scheduleFile() string {
	return filepath.Join(n.configFile()+".d", "zz-holdfast-schedule.yaml")
}

// takenOver says whether the cron is off because of the drop-in.
func (n *node) takenOver() bool { return n.exists(n.scheduleFile()) && n.config.Bool(disableFlag) }

// Schedules implements distro.SelfScheduler.
func (d *Driver) Schedules(ctx context.Context) (bool, error) {
	n, err := d.look(ctx)
	if err != nil {
		return false, err
	}
	return !n.config.Bool(disableFlag), nil
}

// SetSchedule implements distro.SelfScheduler.
func (d *Driver) SetSchedule(ctx context.Context, on bool) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(n.root, n.scheduleFile())
	switch {
	case !on && n.config.Bool(disableFlag):
		return nil // whoever did it
	case !on:
		if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		err = durable.WriteFile(path, []byte(scheduleText), 0o600)
	case n.exists(n.scheduleFile()):
		err = durable.Remove(path)
	}
	if err != nil {
		return problem.File("turn the schedule of "+n.flavour.Name+" over in", path, "", err)
	}
	if n, err = d.look(ctx); err != nil {
		return err
	}
	if n.config.Bool(disableFlag) == on {
		return n.overruled(on)
	}
	return nil
}

// overruled says that the drop-in is not what counts.
func (n *node) overruled(on bool) error {
	state := "on"
	if !on {
		state = "off"
		_ = durable.Remove(filepath.Join(n.root, n.scheduleFile())) // it would count once the other setting goes
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "turn the schedule of " + n.flavour.Name, Subject: state,
		Why:  disableFlag + " is set elsewhere: on the unit's command line, or in " + n.configFile() + " or a file behind it",
		Next: "take the setting away there, and restart the server",
	}
}

// Restart implements distro.SelfScheduler. A fenced unit would stop, and not start again.
func (d *Driver) Restart(ctx context.Context) error {
	fenced, err := d.Fenced()
	if err == nil && fenced {
		err = fmt.Errorf("restart %s: %w", d.cfg.Flavour.Name, distro.ErrFenced)
	}
	if err != nil {
		return err
	}
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	return n.unit.Restart(ctx)
}

// Invocation implements distro.SelfScheduler.
func (d *Driver) Invocation(ctx context.Context) (string, error) {
	n, err := d.look(ctx)
	if err != nil {
		return "", err
	}
	return n.unit.Invocation(ctx)
}
