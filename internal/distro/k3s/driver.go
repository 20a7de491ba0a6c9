package k3s

import (
	"context"
	"log/slog"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

// Config says what is driven.
type Config struct {
	Flavour Flavour
	// Unit that runs the distribution; empty: it is looked for.
	Unit string
	// Supervisor runs it in place of systemd; nil where systemd does.
	Supervisor *supervise.Supervisor
	// StateDir is the agent's: the fence stands there, and what the driver has to remember.
	StateDir string
	// ArtifactDir is a directory of the operator's with releases, and ArtifactURL a mirror: see the package artifact.
	ArtifactDir, ArtifactURL string
	Log                      *slog.Logger
}

// Driver drives the K3s or the RKE2 of this machine.
type Driver struct {
	cfg      Config
	versions versions
}

// New returns a driver. It touches nothing.
func New(cfg Config) *Driver {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Driver{cfg: cfg}
}

// Shape implements distro.Driver.
func (d *Driver) Shape() distro.Shape { return distro.InitNodeThenJoin }

// look reads how the distribution is installed and configured, now.
func (d *Driver) look(ctx context.Context) (*node, error) {
	unit, command, err := d.find(ctx)
	if err != nil {
		return nil, err
	}
	return read(d.cfg.Flavour, unit, command, "/")
}
