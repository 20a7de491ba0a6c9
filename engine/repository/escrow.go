package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// MaxEscrow is the most that an escrow may hold, in bytes: certificates and keys of a cluster are far less.
const MaxEscrow = 4 << 20

// ErrNoEscrow: no escrow lies beside a snapshot.
var ErrNoEscrow = errors.New("no escrow lies beside it")

// EscrowID names what an escrow is bound to: the upload that a manifest describes, or the content of an adopted snapshot,
// which is the same in each copy of it. "" for one whose content nobody has read.
func EscrowID(e *Entry) string {
	switch {
	case e.Manifest != nil:
		return e.Manifest.UploadID
	case e.Foreign != nil && e.Foreign.Database.HashKV != nil:
		db := e.Foreign.Database
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %d", db.Revision, db.CompactRevision, *db.HashKV))
		return hex.EncodeToString(sum[:8])
	}
	return ""
}

// PutEscrowOf is PutEscrow for any entry that has an EscrowID.
func (r *Repository) PutEscrowOf(ctx context.Context, e *Entry, sealed []byte) error {
	name := snapshot.EscrowName(e.File, EscrowID(e))
	if _, err := r.store.Put(ctx, name, bytes.NewReader(sealed), blob.PutOptions{SizeHint: int64(len(sealed))}); err != nil {
		return err // it says what and where
	}
	e.Escrow, e.escrows = true, append(e.escrows, name)
	return nil
}

// EscrowOf is Escrow for any entry.
func (r *Repository) EscrowOf(ctx context.Context, e *Entry) ([]byte, error) {
	id := EscrowID(e)
	if id == "" {
		return nil, ErrNoEscrow
	}
	return r.escrow(ctx, e.File, id)
}

// PutEscrow stores what a restore of a snapshot needs besides it. Whoever calls has encrypted it. It is bound to the upload
// that the manifest describes, and goes when the snapshot goes.
func (r *Repository) PutEscrow(ctx context.Context, m *snapshot.Manifest, sealed []byte) error {
	_, err := r.store.Put(ctx, snapshot.EscrowName(m.File, m.UploadID), bytes.NewReader(sealed), blob.PutOptions{SizeHint: int64(len(sealed))})
	return err // it says what and where
}

// Escrow reads what lies beside a snapshot, still encrypted: ErrNoEscrow when nothing does.
func (r *Repository) Escrow(ctx context.Context, m *snapshot.Manifest) ([]byte, error) {
	return r.escrow(ctx, m.File, m.UploadID)
}

func (r *Repository) escrow(ctx context.Context, file, id string) ([]byte, error) {
	sealed, err := r.read(ctx, snapshot.EscrowName(file, id), MaxEscrow)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, ErrNoEscrow
	}
	return sealed, err
}
