package saving

import (
	"context"
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
