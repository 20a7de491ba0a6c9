package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/agent"
)

func newUndo(o *options) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "undo", Short: "Take back what an unfinished restore has done on this machine, without the manager", Args: cobra.NoArgs,
		Long: `Take back what an unfinished restore has done on this machine, without the manager.

For when the manager is lost in the middle of a restore: run it on each machine of the cluster. The old data comes back, the
fence is lifted, and what ran before is started. A restore that is committed is not taken back.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return agent.Undo(ctx, cfg, cmd.OutOrStdout())
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Hour, "how long it may take")
	return cmd
}
