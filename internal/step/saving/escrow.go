package saving

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// sealed is what a restore of the cluster needs besides etcd's data, encrypted to the cluster's recipients: nil where it has
// none, or the distribution needs nothing.
func (m *Machine) sealed(ctx context.Context) ([]byte, error) {
	driver, ok := m.Driver.(distro.Escrower)
	if !ok || len(m.Recipients) == 0 {
		return nil, nil
	}
	content, err := driver.Escrow(ctx)
	if err != nil || content == nil {
		return nil, err
	}
	return escrow.Seal(content, m.Recipients)
}

// putEscrow stores the escrow beside a snapshot, unless one is there: what it was taken with is what it is restored with.
func (m *Machine) putEscrow(ctx context.Context, repo *place.Repository, man *snapshot.Manifest) error {
	if len(m.Recipients) == 0 {
		return nil
	}
	if _, err := repo.Escrow(ctx, man); err == nil {
		return nil
	}
	sealed, err := m.sealed(ctx)
	if err == nil && sealed != nil {
		err = repository.Explain("store the escrow beside", repo.Location(man.File), repo.PutEscrow(ctx, man, sealed))
	}
	if err != nil {
		return fmt.Errorf("the snapshot is stored, but not what else a restore needs: %w", err)
	}
	return nil
}

// EscrowForeign stores the escrow beside a snapshot that the distribution took by itself, as soon as its content is known and
// as long as what this machine has opens it: a token that was changed since would be of no use.
func (m *Machine) EscrowForeign(ctx context.Context, own *place.Repository, e *repository.Entry) error {
	driver, ok := m.Driver.(distro.Escrower)
	if !ok || len(m.Recipients) == 0 || e.Escrow || repository.EscrowID(e) == "" {
		return nil
	}
	opens, err := driver.Opens(ctx, own.Location(e.File), m.SpoolDir)
	if err != nil || !opens {
		return err
	}
	sealed, err := m.sealed(ctx)
	if err == nil && sealed != nil {
		err = repository.Explain("store the escrow beside", own.Location(e.File), own.PutEscrowOf(ctx, e, sealed))
	}
	if err != nil {
		return fmt.Errorf("keep what else a restore of %s needs: %w", e.File, err)
	}
	return nil
}

// copyEscrow brings the escrow of an adopted snapshot to a copy of it.
func copyEscrow(ctx context.Context, own, target *place.Repository, e, copied *repository.Entry) error {
	sealed, err := own.EscrowOf(ctx, e)
	if errors.Is(err, repository.ErrNoEscrow) || repository.EscrowID(copied) == "" {
		return nil
	}
	if err != nil {
		return err
	}
	return target.PutEscrowOf(ctx, copied, sealed)
}
