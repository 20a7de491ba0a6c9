// Package cluster holds the commands on clusters as the manager knows them: what there is, how it is protected, and how
// that is changed.
//
// The commands only translate between a command line and Cluster resources; what is valid, the manager's API decides.
// Start reading at [NewCommand].
package cluster

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// NewCommand returns "holdfast cluster".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Register clusters with the manager, see how they are protected, and change it",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newList(c, flags), newGet(c, flags), newCreate(c, flags), newImport(c, flags), newEdit(c, flags), newDelete(c, flags))
	return cmd
}
