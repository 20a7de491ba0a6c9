package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// TakeConfig says which file becomes a snapshot of Holdfast's.
type TakeConfig struct {
	// Store that File lies in, whole, under its final name.
	Store blob.Store
	File  string
	// Manifest is what the caller knows: name, node, trigger, time, backup, cluster, source, tool and the like. What is
	// stored and what it holds is found out.
	Manifest Manifest
	// Verify is how much evidence to gather; the bytes are hashed in any case. LevelRestore needs a Prover.
	Verify   Level
	Prover   Prover
	SpoolDir string
	Host     string
	Now      func() time.Time
	Progress Progress
}

// Take makes a snapshot of Holdfast's out of a file that somebody else has just written on Holdfast's behalf, as k3s and
// rke2 do: it tests the file and writes its manifest. It does not touch the file.
//
// Errors are those of Verify: damage is one of problem.Damaged, and no manifest is written then. With an error it may still
// return a manifest, as Save does.
func Take(ctx context.Context, cfg TakeConfig) (*Manifest, error) {
	if cfg.Verify == LevelRestore && cfg.Prover == nil {
		return nil, errors.New("take over a snapshot: evidence \"restore\" needs a prover")
	}
	if cfg.SpoolDir == "" {
		cfg.SpoolDir = DefaultSpoolDir()
	}
	info, err := cfg.Store.Stat(ctx, cfg.File)
	if err != nil {
		return nil, fmt.Errorf("look at the snapshot %s: %w", cfg.Store.Location(cfg.File), err)
	}
	level := cfg.Verify
	if level == LevelRestore {
		level = LevelContent // the trial needs the manifest
	}
	shown, err := Verify(ctx, VerifyConfig{
		Source: StoreSource(cfg.Store, info), Level: level, SpoolDir: cfg.SpoolDir,
		Host: cfg.Host, Now: cfg.Now, Progress: cfg.Progress,
	})
	if err != nil {
		return nil, err
	}
	m := cfg.Manifest
	m.Schema, m.File, m.UploadID = Schema, cfg.File, NewUploadID()
	m.Stored, m.Database, m.Evidence = shown.Stored, shown.Database, nil
	m.AddEvidence(shown.Evidence...)
	if m.Backup == "" {
		m.Backup = m.UploadID
	}
	if err := PutManifest(ctx, cfg.Store, &m); err != nil {
		return nil, fmt.Errorf("%s is stored and complete, but may be listed as unverified: %w", m.File, err)
	}
	if cfg.Verify != LevelRestore {
		return &m, nil
	}
	return &m, trying{Store: cfg.Store, Prover: cfg.Prover, SpoolDir: cfg.SpoolDir, Host: cfg.Host, Now: cfg.Now, Progress: cfg.Progress}.prove(ctx, &m)
}
