// Package etcd holds the commands on one etcd: status, save, restore. They need no manager: an endpoint, its
// certificates and a repository are enough.
//
// The commands only translate: flags into the engine's configuration, its answers into text. What is decided, is
// decided in the engine. Start reading at [NewCommand].
package etcd

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// NewCommand returns "holdfast etcd".
func NewCommand(c *console.Console, flags *settings.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "etcd",
		Short: "Save, restore and look at an etcd",
		Long: `Save, restore and look at an etcd.

The flags that say how to reach it are etcdctl's, and so are the ETCDCTL_* variables.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newStatus(c, flags), newSave(c, flags), newRestore(c, flags))
	return cmd
}
