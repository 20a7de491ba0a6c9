package k3s

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

// A restore is a reset by the distribution's own program, which no agent's death must end or double: it runs as a unit named
// after the restore. What there is to know of it lies in a directory of the agent, named likewise:
//
//	reset/<id>/begun      since when what lies in the place of the old data is an attempt's, and can be removed
//	reset/<id>/snapshot   the snapshot unpacked, where it was packed
//	reset/<id>/token      what the program proves itself with
//	reset/<id>/output     what the program says
//
// Where a call finds things, and what it does:
//
//	the unit              what lies there             so it
//	runs                  an attempt under way        waits for it
//	ended well            a database, to be proven    proves it
//	ended badly           what a reset leaves         begins anew
//	is not known, begun   the machine was restarted   begins anew
//	is not known          nothing                     begins

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// reset is one restore.
type reset struct {
	driver *Driver
	node   *node
	cfg    distro.RestoreConfig
	unit   attempt
	dir    string
}

func (d *Driver) reset(id string) (*reset, error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("restore %q: no unit can have that name", id)
	}
	dir := filepath.Join(d.cfg.StateDir, "reset", id)
	return &reset{driver: d, unit: d.attempt(id, dir), dir: dir}, nil
}

// Restore implements distro.Driver.
func (d *Driver) Restore(ctx context.Context, cfg distro.RestoreConfig) (*distro.Restored, error) {
	r, err := d.reset(cfg.ID)
	if err != nil {
		return nil, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string, string) {}
	}
	r.cfg = cfg
	if r.node, err = d.look(ctx); err != nil {
		return nil, err
	}
	if _, why := r.node.datastore(); why != nil {
		return nil, r.node.refuse(why)
	}
	run, err := r.unit.Run(ctx)
	if err != nil {
		return nil, err
	}
	if !run.Running && !r.done(ctx, run) {
		if err := r.begin(ctx); err != nil {
			return nil, err
		}
	}
	return r.finish(ctx)
}

// finish waits for the reset and proves what it made.
func (r *reset) finish(ctx context.Context) (*distro.Restored, error) {
	run, err := r.wait(ctx)
	if err != nil {
		return nil, err
	}
	if !r.done(ctx, run) {
		r.cfg.Report("the reset of the cluster did not work", r.said())
		return nil, errors.Join(r.failed(ctx, run), r.requireQuiet(ctx), r.tidy())
	}
	if err := r.requireQuiet(ctx); err != nil { // rke2 does not wait for its containers
		return nil, err
	}
	made, err := r.prove(ctx)
	if err != nil {
		return nil, errors.Join(err, r.unit.Forget(ctx)) // or else the next call would find the same
	}
	if err := r.tidy(); err != nil {
		return nil, err
	}
	return made, r.unit.Forget(ctx)
}

// Abandon implements distro.Driver.
func (d *Driver) Abandon(ctx context.Context, id string) error {
	r, err := d.reset(id)
	if err != nil {
		return err
	}
	run, err := r.unit.Run(ctx)
	if err != nil {
		return err
	}
	if !run.Known && !r.begun() {
		return nil
	}
	if err := r.unit.Forget(ctx); err != nil {
		return err
	}
	if r.node, err = d.look(ctx); err != nil {
		return r.remove() //nolint:nilerr // where nothing is installed, nothing is left running, and the old data must come back
	}
	if err := errors.Join(r.node.dropManifests(), r.requireQuiet(ctx)); err != nil {
		return err
	}
	return errors.Join(r.tidy(), r.remove())
}
