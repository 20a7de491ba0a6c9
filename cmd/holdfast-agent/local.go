package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/agent"
)

// local is work on this machine that needs no manager.
type local interface {
	// Plan says what Run would do.
	Plan(ctx context.Context, cfg agent.Config) ([]string, error)
	Run(ctx context.Context, cfg agent.Config, out io.Writer) error
}

// planOrRun does the work, or without yes says what it would be.
func planOrRun(cmd *cobra.Command, op string, yes bool, cfg agent.Config, work local) error {
	if yes {
		return work.Run(cmd.Context(), cfg, cmd.OutOrStdout())
	}
	text, err := work.Plan(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	for _, line := range text {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	return &problem.Error{Kind: problem.Refused, Op: op, Why: "nothing was touched", Next: "run it again with --yes"}
}
