package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Manifests whose payload is gone are removed when they are older than this: an upload of the same name may be about
// to be listed.
const outlivedAge = time.Hour

// Remains of interrupted uploads are removed after this time: long enough for the largest upload over a slow line.
const abandonedAge = 24 * time.Hour

// Pruned says what a prune did.
type Pruned struct {
	Verdicts []Verdict
	// Failed maps a file to why it could not be deleted. It was decided to go, and is still there.
	Failed map[string]error
	// Manifests and Uploads count the remains that were removed: what describes a payload that is gone, and abandoned
	// uploads.
	Manifests, Uploads int
}

// PruneConfig says how to prune.
type PruneConfig struct {
	Policy Policy
	// DryRun only decides.
	DryRun   bool
	SpoolDir string
}

// Prune applies a policy to what is in the repository now. Each deletion stands alone: one that fails is reported, and
// the others go on.
func (r *Repository) Prune(ctx context.Context, cfg PruneConfig) (*Pruned, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Policy.Now = r.now()
	if cfg.Policy.Foreign {
		if err := r.vouch(ctx, list, cfg); err != nil {
			return nil, err
		}
	}
	p := &Pruned{Verdicts: cfg.Policy.Apply(list), Failed: map[string]error{}}
	if cfg.DryRun {
		return p, nil
	}
	for _, e := range Deletions(p.Verdicts) {
		if err := r.Delete(ctx, e); err != nil {
			p.Failed[e.File] = err
		}
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
	}
	if p.Manifests, err = r.sweepManifests(ctx); err != nil {
		return p, err
	}
	if j, ok := r.store.(blob.Janitor); ok {
		if p.Uploads, err = j.Sweep(ctx, abandonedAge); err != nil {
			return p, fmt.Errorf("remove abandoned uploads from %s: %w", r.Location(), err)
		}
	}
	return p, nil
}

// vouch reads the foreign snapshots that the policy would keep as its good ones, newest first: nothing may be deleted
// in favour of a file that nobody has looked at. What is older than enough good ones need not be read.
func (r *Repository) vouch(ctx context.Context, list []Entry, cfg PruneConfig) error {
	good := map[row]map[string]bool{}
	for i := range list {
		e := &list[i]
		if e.Manifest != nil || cfg.Policy.spares(*e) != "" {
			continue
		}
		key := cfg.Policy.rowOf(*e)
		if len(good[key]) >= cfg.Policy.keep(key.trigger) {
			continue
		}
		if e.State == StateUnverified {
			if err := r.vouchFor(ctx, e, cfg); err != nil {
				return err
			}
		}
		if good[key] == nil {
			good[key] = map[string]bool{}
		}
		if e.State.Good() {
			good[key][cfg.Policy.runOf(*e)] = true
		}
	}
	return nil
}

// vouchFor reads one, and keeps what that has shown.
func (r *Repository) vouchFor(ctx context.Context, e *Entry, cfg PruneConfig) error {
	shown, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
		Source: snapshot.StoreSource(r.store, e.Info), Level: snapshot.LevelChecksum, SpoolDir: cfg.SpoolDir, Host: r.host, Now: r.now,
	})
	if !cfg.DryRun {
		if err := r.RecordForeign(ctx, e, shown); err != nil {
			r.log.Warn("the next prune reads it again", "snapshot", e.File, "error", err)
		}
	}
	switch {
	case err == nil:
		e.State, e.Reason = StateComplete, ""
	case ctx.Err() != nil:
		return err
	case problem.KindOf(err) == problem.Damaged:
		e.State, e.Reason = StateDamaged, err.Error()
	default: // it could not be read, which says nothing about it: it does not count as good
		e.Reason = err.Error()
	}
	return nil
}

// Delete removes a snapshot: the payload first, because what is left of a deletion that was cut short must not look
// like a snapshot, then what describes it. It refuses one whose manifest is of a format that this version does not
// know: others may build on it.
func (r *Repository) Delete(ctx context.Context, e Entry) error {
	if e.newer {
		return &problem.Error{
			Kind: problem.Refused, Op: "delete", Subject: r.store.Location(e.File),
			Why: e.Reason, Next: "delete it with the version of holdfast that wrote it",
		}
	}
	names := slices.Concat([]string{e.File}, e.manifests, e.foreign, e.escrows)
	if e.sidecar != "" {
		names = append(names, e.sidecar)
	}
	for _, name := range names {
		if err := r.store.Delete(ctx, name); err != nil {
			return err // it says what and where
		}
	}
	return nil
}

// described is the payload that a manifest, an escrow or a record of tests is about.
func described(name string) (file string, ok bool) {
	if file, _, ok = snapshot.ParseManifestName(name); ok {
		return file, true
	}
	if file, _, ok = snapshot.ParseEscrowName(name); ok {
		return file, true
	}
	return snapshot.ParseForeignName(name)
}

// readable says whether this version knows the format. Of an escrow that can't be said without its key.
func (r *Repository) readable(ctx context.Context, name string) error {
	if _, _, ok := snapshot.ParseEscrowName(name); ok {
		return nil
	}
	data, err := r.read(ctx, name, maxManifest)
	if err != nil {
		return err
	}
	if _, ok := snapshot.ParseForeignName(name); ok {
		_, err = snapshot.DecodeForeign(data)
	} else {
		_, err = snapshot.DecodeManifest(data)
	}
	return err
}

// sweepManifests removes manifests, escrows and records of tests that have outlived their payload.
func (r *Repository) sweepManifests(ctx context.Context) (int, error) {
	var outlived []blob.Info
	payloads := map[string]bool{}
	err := r.store.List(ctx, "", func(info blob.Info) error {
		if _, ok := described(info.Name); ok {
			outlived = append(outlived, info)
		} else {
			payloads[info.Name] = true
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, info := range outlived {
		file, _ := described(info.Name)
		if payloads[file] || r.now().Sub(info.ModTime) < outlivedAge {
			continue
		}
		// A newer version may keep its payloads in places that this one does not know.
		switch err := r.readable(ctx, info.Name); {
		case errors.Is(err, snapshot.ErrSchema), errors.Is(err, blob.ErrNotExist):
			continue
		case err != nil && !errors.Is(err, snapshot.ErrManifest):
			return removed, err
		}
		if err := r.store.Delete(ctx, info.Name); err != nil && !errors.Is(err, blob.ErrNotExist) {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
