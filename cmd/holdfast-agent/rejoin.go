package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/agent"
)

func newRejoin(o *options) *cobra.Command {
	r := &agent.LocalRejoin{}
	var yes bool
	cmd := &cobra.Command{
		Use: "rejoin {--endpoints URL[,URL…] | --server URL}", Short: "Make this machine a part of its running cluster again, without the manager", Args: cobra.NoArgs,
		Long: `Make this machine a part of its running cluster again, without the manager, with the same journaled steps.

For a machine that was away during a restore, or that has lost its data, while the others have quorum. They go on serving. The
old data is moved aside; the member starts without data, gets it from the others, and has its vote once it has caught up.
Without --yes it says what it would do. When it was cut, run it again.

With K3s and RKE2, --server names a server that serves, and the machine joins through that with no data of its own. Run it on
each other machine after a restore, servers with etcd first, one after the other.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			return planOrRun(cmd, "rejoin", yes, cfg, r)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&r.Endpoints, "endpoints", nil, "client URLs of healthy members on other machines; this machine's certificate for etcd is shown to them")
	flags.StringVar(&r.Server, "server", "", "K3s and RKE2: URL of the server to join through, as https://10.0.0.1:6443")
	flags.StringVar(&r.TokenFile, "token-file", "", "K3s and RKE2: file with the cluster's token, mode 0600, where it is another than this machine's")
	flags.Int64Var(&r.Epoch, "epoch", 0, "restore epoch of the cluster, as holdfast-agent status says on a healthy machine (default: the highest that this machine has heard of)")
	flags.DurationVar(&r.Timeout, "timeout", 30*time.Minute, "how long each step may take")
	flags.BoolVar(&yes, "yes", false, "do it")
	return cmd
}
