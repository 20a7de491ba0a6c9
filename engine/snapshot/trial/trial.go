// Package trial proves that a snapshot restores: it restores it into a scratch directory, has a real etcd serve it in a
// child process, and compares what that etcd answers with what the snapshot should hold.
//
// The child listens on unix sockets in a directory that only this user can enter, since it serves every Secret of the
// cluster; it runs at the lowest priority, on one CPU, with bounded memory, and dies with its parent. Nothing of the
// scratch directory outlives the trial, or, when the machine died, the next one.
//
// The package must not touch a live etcd. Start reading at [Prover.Prove].
package trial

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/engine/snapshot/internal/scratch"
)

// Config says how to try.
type Config struct {
	// Command starts an etcd; etcd's flags are appended to it.
	Command []string
	// Env is added to the child's environment.
	Env []string
	// Dir is where the scratch directory is made. Empty: snapshot.DefaultSpoolDir.
	Dir string
	// Timeout for the etcd to serve and answer. 0: five minutes.
	Timeout time.Duration
	Log     *slog.Logger
}

// New returns a prover.
func New(cfg Config) *Prover {
	if cfg.Dir == "" {
		cfg.Dir = snapshot.DefaultSpoolDir()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Minute
	}
	return &Prover{cfg}
}

// Prover implements snapshot.Prover.
type Prover struct{ Config }

// Ready returns why a trial of a database of this size must be skipped now, or "". An etcd needs about the size of
// its database in memory for the mapped file, and as much again for index and answers.
func (p *Prover) Ready(size int64) string {
	if space, err := snapshot.FreeSpace(p.Dir); err == nil && space < snapshot.SpaceToRestore(size) {
		return fmt.Sprintf("%s are free in %s, a trial restore wants %s", humanize.IBytes(uint64(space)), p.Dir,
			humanize.IBytes(uint64(snapshot.SpaceToRestore(size))))
	}
	need := size * 5 / 2
	free, err := availableMemory()
	if err != nil {
		return "the free memory of this machine cannot be told: " + err.Error()
	}
	if free < need {
		return fmt.Sprintf("%s of memory are available, a trial restore wants %s",
			humanize.IBytes(uint64(free)), humanize.IBytes(uint64(need)))
	}
	return ""
}

const scratchPrefix = "holdfast-trial-"

// Prove implements snapshot.Prover.
func (p *Prover) Prove(ctx context.Context, src snapshot.Source, m *snapshot.Manifest) (snapshot.Proof, error) {
	place, err := p.scratch()
	if err != nil {
		return snapshot.Proof{}, err
	}
	defer place.Remove()
	dir := place.Path
	restored, err := snapshot.Restore(ctx, snapshot.RestoreConfig{
		Source: src, Manifest: m, SpoolDir: p.Dir,
		Target: snapshot.Target{
			Name: "trial", InitialCluster: "trial=" + peerURL, InitialClusterToken: "holdfast-trial",
			PeerURLs: []string{peerURL}, DataDir: filepath.Join(dir, "data"),
		},
	})
	if err != nil {
		return snapshot.Proof{}, err
	}
	if err := disableAuth(ctx, filepath.Join(restored.DataDir, "member", "snap", "db")); err != nil {
		return snapshot.Proof{}, fmt.Errorf("trial restore: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("no etcd served the trial restore within %s", p.Timeout))
	defer cancel()
	version, err := p.serve(ctx, dir, restored)
	if err != nil {
		return snapshot.Proof{}, fmt.Errorf("trial restore: %w", err)
	}
	return snapshot.Proof{
		How:      fmt.Sprintf("etcd %s served it at revision %d", version, restored.Revision),
		Database: restored.Snapshot,
	}, nil
}

// scratch makes a private directory and removes those of trials that died. That one of them cannot be removed (another
// user's, in a directory that all share) must not stop this trial.
func (p *Prover) scratch() (*scratch.Dir, error) {
	if _, err := scratch.Sweep(p.Dir, scratchPrefix, nil); err != nil {
		p.Log.Warn("the remains of an earlier trial restore cannot be removed", "error", err)
	}
	dir, err := scratch.Make(p.Dir, scratchPrefix)
	if err != nil {
		return nil, fmt.Errorf("trial restore: make a scratch directory: %w", err)
	}
	return dir, nil
}
