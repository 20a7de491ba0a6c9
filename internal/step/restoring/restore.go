package restoring

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// restore makes the machine's data anew.
type restore struct {
	base
	settings step.RestoreSettings
}

var (
	errNotFetched = errors.New("restore: no snapshot was fetched in this operation")
	errNotAside   = errors.New("the old data was not moved aside in this operation")
)

// Check implements step.Step.
func (s *restore) Check(context.Context) error {
	_, err := s.fetched()
	return errors.Join(err, s.requireAside())
}

// fetched reads where the snapshot lies.
func (s *restore) fetched() (fetched, error) {
	var got fetched
	noted, err := s.notes.read(noteFetched, &got)
	if err == nil && !noted {
		err = errNotFetched
	}
	return got, err
}

// requireAside makes sure that what there was can come back: nothing under the belongings' names is the only one of its kind.
func (b base) requireAside() error {
	var set undoSet
	noted, err := b.notes.read(noteAside, &set)
	if err != nil {
		return err
	}
	for _, i := range set.Items {
		noted = noted && (!i.Existed || exists(i.outer(b.uid)) || exists(i.inner(b.uid)))
	}
	if !noted {
		return errNotAside
	}
	return nil
}

// Do implements step.Step.
func (s *restore) Do(ctx context.Context, report step.Report) (any, error) {
	got, err := s.fetched()
	if err := errors.Join(err, s.requireAside()); err != nil {
		return nil, err
	}
	if err := s.requireStopped(ctx); err != nil {
		return nil, err
	}
	token, err := s.tokenFile(ctx)
	if err != nil {
		return nil, err
	}
	report("restoring "+got.Path, "")
	made, err := s.Driver.Restore(ctx, distro.RestoreConfig{
		ID: s.uid, File: got.Path, Manifest: got.Manifest,
		Target: snapshot.Target{
			Name: s.settings.Member, InitialCluster: s.settings.InitialCluster, InitialClusterToken: s.settings.InitialClusterToken,
			PeerURLs: s.settings.PeerURLs,
		},
		BumpRevision: s.settings.BumpRevision, TokenFile: token, SpoolDir: s.SpoolDir, Report: report,
		Aside: func(path string) string { return undoItem{Path: path}.outer(s.uid) },
	})
	if ctx.Err() == nil { // what was begun may go on reading it when this process ends
		err = errors.Join(err, s.forget())
	}
	if err != nil {
		return nil, err
	}
	return step.RestoreEvidence(*made), nil
}

// Undo ends what may still run, and removes what it left beside the data. What it published is moved away when the old data
// comes back.
func (s *restore) Undo(ctx context.Context, _ step.Report) error {
	return errors.Join(s.Driver.Abandon(ctx, s.uid), s.forget())
}
