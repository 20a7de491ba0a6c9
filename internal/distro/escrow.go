package distro

import (
	"context"

	"github.com/holdfast-dev/holdfast/internal/escrow"
)

// Escrower is a driver that knows what a restore needs besides etcd's data.
type Escrower interface {
	// Escrow reads it from this machine: nil where there is nothing, as on a worker.
	Escrow(ctx context.Context) (*escrow.Content, error)
}
