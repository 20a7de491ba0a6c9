package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// recall gives an adopted snapshot the state that earlier tests have shown, if they read exactly what lies there now.
// A record that cannot be read, or is of other bytes, is none.
func (r *Repository) recall(ctx context.Context, e *Entry) error {
	name := snapshot.ForeignName(e.File, e.Info.Size, e.Info.Version)
	if !slices.Contains(e.foreign, name) {
		return nil
	}
	data, err := r.read(ctx, name, maxManifest)
	if errors.Is(err, blob.ErrNotExist) || errors.Is(err, blob.ErrDenied) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := snapshot.DecodeForeign(data)
	if err != nil || f.File != e.File || f.Size != e.Info.Size || f.Version != e.Info.Version {
		return nil
	}
	e.Foreign = f
	e.State, e.Reason = stateOf(&snapshot.Manifest{Evidence: f.Evidence})
	e.Escrow = slices.Contains(e.escrows, snapshot.EscrowName(e.File, EscrowID(e)))
	return nil
}

// RecordForeign keeps what a test of an adopted snapshot has shown, beside our own manifests and bound to the version of
// the object that was read: later listings count on it, and retention need not read it again. It is durable when it
// returns. A snapshot that has, or should have, a manifest is left alone.
func (r *Repository) RecordForeign(ctx context.Context, e *Entry, v *snapshot.Verified) error {
	if e.Manifest != nil || len(e.manifests) > 0 || len(v.Evidence) == 0 {
		return nil
	}
	known := &snapshot.Manifest{}
	if e.Foreign != nil {
		known.Evidence = e.Foreign.Evidence
	}
	known.AddEvidence(v.Evidence...)
	f := &snapshot.Foreign{
		Schema: snapshot.ForeignSchema, File: e.File, Size: e.Info.Size, Version: e.Info.Version,
		Encoding: e.Encoding, Database: v.Database, Evidence: known.Evidence,
	}
	data, err := f.Encode()
	if err != nil {
		return err
	}
	name := snapshot.ForeignName(e.File, e.Info.Size, e.Info.Version)
	if _, err := r.store.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{
		ContentType: "application/json", SizeHint: int64(len(data)),
	}); err != nil {
		return fmt.Errorf("record the tests of %s: %w", r.store.Location(e.File), err)
	}
	e.Foreign, e.foreign = f, append(e.foreign, name)
	e.State, e.Reason = stateOf(known)
	return nil
}
