package restoring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// restore makes the data directory anew.
type restore struct {
	base
	settings step.RestoreSettings
}

var (
	errNotFetched = errors.New("restore: no snapshot was fetched in this operation")
	errNotAside   = errors.New("the old data was not moved aside in this operation")
)

// Check implements step.Step.
func (s *restore) Check(ctx context.Context) error {
	_, cfg, err := s.config(ctx)
	if err != nil {
		return err
	}
	return snapshot.CheckRestore(cfg)
}

// config reads what the earlier steps noted.
func (s *restore) config(ctx context.Context) (*distro.Installation, snapshot.RestoreConfig, error) {
	var cfg snapshot.RestoreConfig
	var got fetched
	noted, err := s.notes.read(noteFetched, &got)
	if err == nil && !noted {
		err = errNotFetched
	}
	if err != nil {
		return nil, cfg, err
	}
	if err := s.requireAside(); err != nil {
		return nil, cfg, err
	}
	inst, err := s.Driver.Discover(ctx)
	if err != nil {
		return nil, cfg, err
	}
	src, err := snapshot.FileSource(got.Path)
	if err != nil {
		return nil, cfg, err
	}
	cfg = snapshot.RestoreConfig{
		Source: src, Manifest: got.Manifest,
		Target: snapshot.Target{
			Name: s.settings.Member, InitialCluster: s.settings.InitialCluster, InitialClusterToken: s.settings.InitialClusterToken,
			PeerURLs: s.settings.PeerURLs, DataDir: inst.DataDir, WALDir: inst.WALDir,
		},
		BumpRevision: s.settings.BumpRevision, MarkCompacted: s.settings.BumpRevision > 0, RunVersion: inst.Version,
		// The reserve was weighed in the preflight. Now the cluster is down.
		MinFree: 0, SpoolDir: s.SpoolDir,
	}
	return inst, cfg, nil
}

// requireAside makes sure that what lies under the data directory's name is not the old data.
func (b base) requireAside() error {
	var set undoSet
	noted, err := b.notes.read(noteAside, &set)
	if err != nil {
		return err
	}
	for _, d := range set.Dirs {
		noted = noted && (!d.Existed || exists(d.outer(b.uid)) || exists(d.inner(b.uid)))
	}
	if !noted {
		return errNotAside
	}
	return nil
}

// Do implements step.Step. What an earlier attempt made stands where the old data was moved away from, and nothing has
// started on it: it goes, because nobody wrote down what it holds.
func (s *restore) Do(ctx context.Context, report step.Report) (any, error) {
	inst, cfg, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.requireStopped(ctx); err != nil {
		return nil, err
	}
	if err := clearAttempt(inst); err != nil {
		return nil, err
	}
	report("restoring "+cfg.Source.Location(), "")
	made, err := snapshot.Restore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	evidence := step.RestoreEvidence{Revision: made.Revision, ClusterID: made.ClusterID, MemberID: made.MemberID}
	if made.Snapshot.HashKV != nil {
		evidence.ContentHash = *made.Snapshot.HashKV
	}
	return evidence, nil
}

// clearAttempt removes what an earlier attempt published.
func clearAttempt(inst *distro.Installation) error {
	for _, path := range []string{filepath.Join(inst.DataDir, "member"), inst.WALDir} {
		if path == "" || !exists(path) {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), durable.SyncDir(filepath.Dir(path))); err != nil {
			return fmt.Errorf("remove an earlier attempt: %w", err)
		}
	}
	return nil
}

// Undo removes what a killed restore left beside the data directory. What it published is moved away when the old data
// comes back.
func (s *restore) Undo(ctx context.Context, _ step.Report) error {
	inst, cfg, err := s.config(ctx)
	if err != nil || inst == nil {
		return nil //nolint:nilerr // without those notes it can't have begun
	}
	_ = snapshot.CheckRestore(cfg) // sweeps; that it refuses a target with something in it is no news
	return nil
}
