package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

// trying is what the trial restore of a stored snapshot needs.
type trying struct {
	Store    blob.Store
	Prover   Prover
	SpoolDir string
	Host     string
	Now      func() time.Time
	Progress Progress
}

// prove tries a restore from the repository and adds the outcome to the manifest.
func (cfg trying) prove(ctx context.Context, m *Manifest) error {
	info, err := cfg.Store.Stat(ctx, m.File)
	if err != nil {
		return fmt.Errorf("look at the stored snapshot %s: %w", m.File, err)
	}
	verified, verdict := Verify(ctx, VerifyConfig{
		Source: StoreSource(cfg.Store, info), Manifest: m, Level: LevelRestore, Prover: cfg.Prover,
		SpoolDir: cfg.SpoolDir, Host: cfg.Host, Now: cfg.Now, Progress: cfg.Progress,
	})
	m.AddEvidence(verified.Evidence...)
	if verdict != nil && !isDamage(verdict) && ctx.Err() == nil {
		kind := problem.Failed
		if retry.Transient(verdict) {
			kind = problem.Unreachable
		}
		verdict = &problem.Error{
			Kind: kind, Op: "prove", Subject: cfg.Store.Location(m.File), Err: verdict,
			Why:  "it is stored and its content was checked, but the trial restore did not come about",
			Next: "try again with holdfast repo verify --level restore " + m.File,
		}
	}
	if err := PutManifest(ctx, cfg.Store, m); err != nil {
		return errors.Join(verdict, err)
	}
	return verdict
}
