package agent

import (
	"context"
	"slices"
	"time"
)

// programsEvery is how often it is looked whether another version is installed.
const programsEvery = 10 * time.Minute

// keepPrograms keeps the program of each version of the distribution that a snapshot on this machine was taken under: so
// that a restore of one can bring its version back when nobody can be asked for it.
func (a *Agent) keepPrograms(ctx context.Context) error {
	for ctx.Err() == nil {
		o, changed := a.standing.get()
		if err := a.keepProgramsOf(ctx, o); err != nil && ctx.Err() == nil {
			a.cfg.Log.Warn("the program of the distribution could not be kept for a restore", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(programsEvery):
		}
	}
	return nil
}

// keepProgramsOf does it once. While an operation changes this machine, what is installed is not to be trusted to stay.
func (a *Agent) keepProgramsOf(ctx context.Context, o orders) error {
	d := a.kubernetes.of(o.Spec.Distro, a.cfg, a.supervisor)
	if d == nil {
		return nil
	}
	if busy, err := a.busy(); err != nil || busy {
		return err
	}
	versions, err := a.savedUnder(ctx, o)
	if err != nil {
		return err
	}
	return d.KeepProgram(ctx, versions)
}

// savedUnder are the versions of the distribution that snapshots on this machine name.
func (a *Agent) savedUnder(ctx context.Context, o orders) ([]string, error) {
	if !o.etcd() {
		return nil, nil
	}
	own, err := a.places(o).Local()
	if err != nil {
		return nil, err
	}
	defer own.Close()
	list, err := own.List(ctx)
	var versions []string
	for _, e := range list {
		if e.Manifest != nil && e.Manifest.KubernetesVersion != "" {
			versions = append(versions, e.Manifest.KubernetesVersion)
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions), err
}
