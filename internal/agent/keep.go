package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

const (
	// keepEvery is how often the old data is looked at.
	keepEvery = time.Hour
	// defaultKeep is how long it is kept after the commit.
	defaultKeep = 7 * 24 * time.Hour
	// forever keeps it until somebody removes it.
	forever = "forever"
)

// keep is how long old data is kept; false for ever.
func (f File) keep() (time.Duration, bool, error) {
	switch f.KeepAside {
	case "":
		return defaultKeep, true, nil
	case forever:
		return 0, false, nil
	}
	d, err := time.ParseDuration(f.KeepAside)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is negative", d)
	}
	return d, true, err
}

// keepAside removes old data that restores have moved aside, once nobody can want it any more.
func (a *Agent) keepAside(ctx context.Context) error {
	for {
		if err := a.tendAside(ctx); err != nil && ctx.Err() == nil {
			a.cfg.Log.Error("the data that restores moved aside could not be looked after", "error", err)
		}
		if !sleep(ctx, keepEvery) {
			return nil
		}
	}
}

// tendAside looks at the old data once. While an operation is on its way nothing is touched.
func (a *Agent) tendAside(ctx context.Context) error {
	release, err := a.journal.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	busy, err := a.busy()
	if err != nil {
		return err
	}
	kept, err := restoring.ListKept(a.cfg.StateDir)
	if err != nil {
		return err
	}
	var left int64
	sets := 0
	for _, k := range kept {
		size, err := k.Size()
		if err != nil {
			return err
		}
		if why := a.wanted(ctx, k); busy || why != "" {
			left += size
			sets++
			continue
		}
		if err := k.Remove(a.cfg.StateDir); err != nil {
			return err
		}
		a.cfg.Log.Info("old data was removed", "operation", k.Operation, "places", k.Places, "bytes", size, "committed", k.Committed.Time)
	}
	a.metrics.aside(sets, left)
	return nil
}

// wanted says why old data stays, "" when it need not.
func (a *Agent) wanted(ctx context.Context, k restoring.Kept) string {
	if k.Removing {
		return ""
	}
	keep, ends, err := a.cfg.keep()
	if err != nil || !ends {
		return "keepAside is " + a.cfg.KeepAside
	}
	if until := k.Committed.Add(keep); a.cfg.Now().Before(until) {
		return "until " + until.UTC().Format(time.RFC3339)
	}
	proof, err := a.provenSince(ctx, k.Committed.Time)
	switch {
	case err != nil:
		return "nobody knows of a newer snapshot: " + err.Error()
	case proof == "":
		return "until this machine has a newer snapshot that is restored or proven"
	}
	return ""
}

// provenSince finds a snapshot that this machine has taken since then, and that more is known of than that it can be read:
// it stood a trial restore, or was the live cluster's content. Those of other machines do not count: they may have been
// cut off, and have saved old data.
func (a *Agent) provenSince(ctx context.Context, since time.Time) (string, error) {
	o, _ := a.standing.get()
	own, err := a.places(o).Local()
	if err != nil {
		return "", err
	}
	defer own.Close()
	node := a.node()
	files, err := a.files(ctx, own, func(e repository.Entry) bool { return e.Node == node })
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if f.Created.After(since) && shown(f) {
			return f.File, nil
		}
	}
	return "", nil
}

func shown(f v1alpha1.SnapshotFile) bool {
	live := slices.ContainsFunc(f.Evidence, func(e v1alpha1.Evidence) bool {
		return e.Level == string(snapshot.LevelLive) && e.Outcome == string(snapshot.OutcomePassed)
	})
	switch f.State { //nolint:exhaustive // the others show less
	case v1alpha1.StateRestored, v1alpha1.StateProven:
		return true
	case v1alpha1.StateChecked:
		return live
	}
	return false
}

// statusAside shows what is kept, how large it is, and why.
func (a *Agent) statusAside(ctx context.Context, row rower) error {
	kept, err := restoring.ListKept(a.cfg.StateDir)
	if err != nil {
		return err
	}
	for _, k := range kept {
		size, err := k.Size()
		if err != nil {
			return err
		}
		why := a.wanted(ctx, k)
		if why == "" {
			why = "it is removed within an hour"
		}
		for _, place := range k.Places {
			row("Old data", "%s", place)
		}
		row("  kept", "%s, %s", humanize.IBytes(uint64(size)), why)
	}
	return nil
}
