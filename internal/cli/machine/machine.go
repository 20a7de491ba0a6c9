// Package machine holds the commands on the machines of clusters: who they are, how they are, how one joins, and how one goes.
//
// Start reading at [NewCommand].
package machine

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// NewCommand returns "holdfast machine".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "machine",
		Short: "See the machines of clusters, let new ones join, and let them go",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newList(c, flags), newGet(c, flags), newJoin(c, flags), newDelete(c, flags))
	return cmd
}
