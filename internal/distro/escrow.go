package distro

import (
	"context"

	"github.com/holdfast-dev/holdfast/internal/escrow"
)

// Escrower is a driver that knows what a restore needs besides etcd's data.
type Escrower interface {
	// Escrow reads it from this machine: nil where there is nothing, as on a worker.
	Escrow(ctx context.Context) (*escrow.Content, error)
	// Opens says whether what this machine has now opens a snapshot on its disk, which the distribution took by itself.
	Opens(ctx context.Context, file, spoolDir string) (bool, error)
}
