package main

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/agent"
)

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what the agent knows, without asking anybody but this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			return agent.Status(cmd.Context(), cfg, cmd.OutOrStdout())
		},
	}
}
