package repository

import (
	"bytes"
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// MaxEscrow is the most that an escrow may hold, in bytes: certificates and keys of a cluster are far less.
const MaxEscrow = 4 << 20

// ErrNoEscrow: no escrow lies beside a snapshot.
var ErrNoEscrow = errors.New("no escrow lies beside it")

// PutEscrow stores what a restore of a snapshot needs besides it. Whoever calls has encrypted it. It is bound to the upload
// that the manifest describes, and goes when the snapshot goes.
func (r *Repository) PutEscrow(ctx context.Context, m *snapshot.Manifest, sealed []byte) error {
	_, err := r.store.Put(ctx, snapshot.EscrowName(m.File, m.UploadID), bytes.NewReader(sealed), blob.PutOptions{SizeHint: int64(len(sealed))})
	return err // it says what and where
}

// Escrow reads what lies beside a snapshot, still encrypted: ErrNoEscrow when nothing does.
func (r *Repository) Escrow(ctx context.Context, m *snapshot.Manifest) ([]byte, error) {
	sealed, err := r.read(ctx, snapshot.EscrowName(m.File, m.UploadID), MaxEscrow)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, ErrNoEscrow
	}
	return sealed, err
}
