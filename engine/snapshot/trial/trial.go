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
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
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
	dir, release, err := p.scratch()
	if err != nil {
		return snapshot.Proof{}, err
	}
	defer release()
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

// scratch makes a private directory and removes those of trials that died.
func (p *Prover) scratch() (string, func(), error) {
	remains, err := filepath.Glob(filepath.Join(p.Dir, scratchPrefix+"*"))
	if err != nil {
		return "", nil, err
	}
	for _, dir := range remains {
		if lock, err := durable.Lock(dir); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
	dir, err := os.MkdirTemp(p.Dir, scratchPrefix+"*")
	if err != nil {
		return "", nil, fmt.Errorf("trial restore: make a scratch directory: %w", err)
	}
	lock, err := durable.Lock(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() {
		os.RemoveAll(dir)
		lock.Close()
	}, nil
}
