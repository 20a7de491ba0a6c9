package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Belongings implements distro.Driver.
func (d *Driver) Belongings(ctx context.Context) ([]distro.Belonging, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	data := distro.Belonging{Path: inst.DataDir, Remake: true, Owner: inst.Owner}
	if inst.Owner != nil {
		data.Mode = 0o700
	}
	all := []distro.Belonging{data}
	if inst.WALDir != "" {
		all = append(all, distro.Belonging{Path: inst.WALDir})
	}
	return all, nil
}

// Restore implements distro.Driver.
func (d *Driver) Restore(ctx context.Context, cfg distro.RestoreConfig) (*distro.Restored, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	if err := clearAttempt(inst); err != nil {
		return nil, err
	}
	src, err := snapshot.FileSource(cfg.File)
	if err != nil {
		return nil, err
	}
	target := cfg.Target
	target.DataDir, target.WALDir = inst.DataDir, inst.WALDir
	made, err := snapshot.Restore(ctx, snapshot.RestoreConfig{
		Source: src, Manifest: cfg.Manifest, Target: target,
		BumpRevision: cfg.BumpRevision, MarkCompacted: cfg.BumpRevision > 0, RunVersion: inst.Version,
		// The reserve was weighed in the preflight. Now the cluster is down.
		MinFree: 0, SpoolDir: cfg.SpoolDir,
	})
	if err != nil {
		return nil, err
	}
	out := &distro.Restored{Revision: made.Revision, ClusterID: made.ClusterID, MemberID: made.MemberID}
	if made.Snapshot.HashKV != nil {
		out.ContentHash = *made.Snapshot.HashKV
	}
	return out, nil
}

// Abandon implements distro.Driver. A restore runs in the agent and dies with it: what it left is swept.
func (d *Driver) Abandon(ctx context.Context, _ string) error {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil //nolint:nilerr // leftovers that can't be found do no harm, and must not keep the old data from coming back
	}
	return snapshot.SweepRestore(snapshot.Target{DataDir: inst.DataDir, WALDir: inst.WALDir})
}

// clearAttempt removes what an earlier attempt published. Nothing has started on it, and nobody wrote down what it holds.
func clearAttempt(inst *distro.Installation) error {
	for _, path := range []string{filepath.Join(inst.DataDir, "member"), inst.WALDir} {
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), durable.SyncDir(filepath.Dir(path))); err != nil {
			return fmt.Errorf("remove an earlier attempt: %w", err)
		}
	}
	return nil
}
