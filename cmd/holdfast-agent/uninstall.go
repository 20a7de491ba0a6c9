package main

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/agent"
)

func newUninstall(o *options) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Take back what was changed for the agent on this machine, and say what is left", Args: cobra.NoArgs,
		Long: `Take back what was changed for the agent on this machine, and say what is left.

A schedule of the distribution that was turned off for Holdfast's is turned on again in the configuration; nothing is restarted.
No snapshot is removed. Without --yes it says what it would do.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			return planOrRun(cmd, "uninstall", yes, cfg, &agent.Uninstall{})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}
