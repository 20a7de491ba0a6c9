package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// The fence is a file in the agent's state directory: while it exists, a condition of the distribution's unit fails. What
// else could bring etcd up obeys it with that: static pods are run by the kubelet alone, and the kubelet by the unit.

func (d *Driver) fencePath() string { return filepath.Join(d.cfg.StateDir, "fence") }

func (d *Driver) fence() systemd.Condition {
	return systemd.Condition{
		DropIn: "00-holdfast-fence", File: d.fencePath(),
		Why: "Written by holdfast-agent while an operation keeps " + d.cfg.Flavour.Name + " from starting.",
	}
}

// Fence implements distro.Driver. The file comes first: a unit that obeys it already does so from that moment on.
func (d *Driver) Fence(ctx context.Context) error {
	unit, _, err := d.find(ctx)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(d.fencePath(), []byte("holdfast\n"), 0o644); err != nil {
		return fmt.Errorf("write the fence: %w", err)
	}
	return unit.Bar(ctx, d.fence())
}

// Unfence implements distro.Driver.
func (d *Driver) Unfence(ctx context.Context) error {
	if err := durable.Remove(d.fencePath()); err != nil {
		return fmt.Errorf("remove the fence: %w", err)
	}
	unit, _, err := d.find(ctx)
	if errors.Is(err, distro.ErrNotInstalled) {
		return nil // no unit, no condition of it
	}
	if err != nil {
		return err
	}
	return unit.Unbar(ctx, d.fence())
}

// Fenced implements distro.Driver.
func (d *Driver) Fenced() (bool, error) {
	_, err := os.Lstat(d.fencePath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
