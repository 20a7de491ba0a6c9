package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/agent"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

const (
	tokenVariable = "HOLDFAST_JOIN_TOKEN" //nolint:gosec // the variable's name
	// joinTime is how long a manager that is not ready yet is asked again.
	joinTime = 2 * time.Minute
)

func newJoin(o *options) *cobra.Command {
	var server, name string
	cmd := &cobra.Command{
		Use: "join", Short: "Give this machine an identity with a manager", Args: cobra.NoArgs,
		Long: `Give this machine an identity with a manager.

The token comes in the environment, as ` + tokenVariable + `, because arguments are visible to every user of the
machine. "holdfast machine join CLUSTER" prints one.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token := os.Getenv(tokenVariable)
			if token == "" {
				return &problem.Error{
					Kind: problem.Usage, Op: "join", Why: tokenVariable + " is not set",
					Next: `take the line that "holdfast machine join CLUSTER" prints`,
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), joinTime)
			defer cancel()
			c, err := enroll.Join(ctx, enroll.JoinConfig{
				Dir: agent.IdentityDir(o.stateDir), Server: server, Token: token, Machine: name, Now: time.Now,
			})
			if err != nil {
				return err
			}
			m := c.Membership()
			fmt.Fprintf(cmd.OutOrStdout(), "This machine is %s of cluster %s (namespace %s).\n", m.Machine, m.Cluster, m.Namespace)
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "the manager's URL, as https://HOST:8443")
	cmd.Flags().StringVar(&name, "name", agent.Hostname(), "name of this machine")
	_ = cmd.MarkFlagRequired("server")
	return cmd
}
