package agent

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// tendTries is how often the same thing is tried with the same file. A restart of the agent begins anew.
const tendTries = 5

func key(e repository.Entry) string { return e.File + " " + e.Info.Version }

// open says whether a snapshot wants something.
func (m *mirror) open(e repository.Entry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return e.Manifest == nil && e.State != repository.StateDamaged && !m.done[key(e)] && m.tries[key(e)] < tendTries
}

// tried counts an attempt.
func (m *mirror) tried(e repository.Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		m.done, m.tries = map[string]bool{}, map[string]int{}
	}
	m.tries[key(e)]++
	m.done[key(e)] = err == nil
}

// tend tests and copies what the distribution has saved, the newest first, and says whether anything was copied. What fails
// is tried again at the next look.
func (a *Agent) tend(ctx context.Context, o orders, d distro.Driver, own *place.Repository, list []repository.Entry) (copied bool, err error) {
	newest, fresh := newestForeign(list)
	var errs []error
	for i := range list {
		e := &list[i]
		if !a.mirror.open(*e) {
			continue
		}
		level := snapshot.LevelContent
		if e.File == newest && o.Spec.Snapshots.Verify == v1alpha1.VerifyRestore && (fresh || a.tries(ctx, d)) {
			level = snapshot.LevelRestore
		}
		err := a.alone(ctx, func(ctx context.Context) error { return a.tendOne(ctx, o, own, e, level) })
		a.stirred.ring()
		if errors.Is(err, errBusy) || errors.Is(err, errWay) || ctx.Err() != nil {
			return copied, err // nothing was tried
		}
		a.mirror.tried(*e, err)
		copied = copied || err == nil && o.Spec.Snapshots.S3 != nil
		errs = append(errs, err)
	}
	return copied, errors.Join(errs...)
}

// newestForeign is the newest snapshot of the distribution's own, and whether Holdfast has looked at none of them yet: each
// machine tries a restore of its newest one then.
func newestForeign(list []repository.Entry) (file string, fresh bool) {
	fresh = true
	for _, e := range list {
		if e.Manifest != nil {
			continue
		}
		if file == "" {
			file = e.File
		}
		fresh = fresh && e.Foreign == nil
	}
	return file, fresh
}

// tries says whether it is this machine that makes the trial restore of a backup.
func (a *Agent) tries(ctx context.Context, d distro.Driver) bool {
	member, leader, err := a.member(ctx, d)
	return err == nil && proves(member, leader)
}

// tendOne tests one snapshot as far as it lacks that, and copies it.
func (a *Agent) tendOne(ctx context.Context, o orders, own *place.Repository, e *repository.Entry, level snapshot.Level) error {
	m := a.saving(o)
	if !shows(*e, level) {
		if err := m.Verify(ctx, own, *e, level, func(string, string) {}); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if err := reread(ctx, own, e); err != nil {
			return err
		}
	}
	if !e.State.Good() {
		return nil
	}
	if err := m.EscrowForeign(ctx, own, e); err != nil || o.Spec.Snapshots.S3 == nil {
		return err
	}
	return m.CopyForeign(ctx, own, *e)
}

// shows says whether a test of this level was made. One that was skipped was made: it would be skipped again.
func shows(e repository.Entry, level snapshot.Level) bool {
	if e.Foreign == nil {
		return false
	}
	for _, test := range e.Foreign.Evidence {
		if test.Level == level {
			return true
		}
	}
	return false
}

// reread takes in what the test has shown.
func reread(ctx context.Context, own *place.Repository, e *repository.Entry) error {
	found, err := own.FindWhole(ctx, []string{e.File})
	if err == nil {
		*e = found[0]
	}
	return err
}
