// Package repo holds the commands on one repository: what lies in it, whether it is sound, what may go, and whether
// this machine has the rights it needs. They need no manager and no etcd.
//
// The commands only translate; what is decided, is decided in package repository. Start reading at [NewCommand].
package repo

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// NewCommand returns "holdfast repo".
func NewCommand(c *console.Console, flags *settings.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repo",
		Short: "List, check, prune and test a repository of snapshots",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newList(c, flags), newShow(c, flags), newVerify(c, flags), newPrune(c, flags), newDelete(c, flags), newTest(c, flags), newEscrow(c, flags))
	return cmd
}

// with opens the repository, runs fn, and words what the store says.
func with(ctx context.Context, flags *settings.Flags, op string, fn func(*settings.Opened) error) error {
	repo, err := flags.Open(false)
	if err != nil {
		return err
	}
	defer repo.Store().Close()
	return repository.Explain(op, repo.Location(), fn(repo))
}
