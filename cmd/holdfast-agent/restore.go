package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/agent"
)

func newRestore(o *options) *cobra.Command {
	r := &agent.LocalRestore{}
	var yes bool
	cmd := &cobra.Command{
		Use: "restore SNAPSHOT", Short: "Restore this machine's member without the manager", Args: cobra.ExactArgs(1),
		Long: `Restore this machine's member without the manager, with the same journaled steps.

SNAPSHOT is a path on this machine, or an S3 URI in the cluster's folder. Without --yes it says what it would do. In a cluster
of several members run it on all of them at the same time, from the same snapshot and with the same --initial-cluster-token.

With K3s and RKE2 run it on one server, while all others are stopped; that one becomes the first of the restored cluster. Then
run holdfast-agent rejoin on the others.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			r.Location = args[0]
			return planOrRun(cmd, "restore", yes, cfg, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.InitialCluster, "initial-cluster", "", "members of the new cluster, as etcd's flag (default: what etcd's configuration says)")
	flags.StringVar(&r.InitialClusterToken, "initial-cluster-token", "", "token of the new cluster (default, with one member: a new one)")
	flags.StringVar(&r.TokenFile, "token-file", "", "K3s and RKE2: file with the token that the snapshot was taken under, mode 0600, where it is another than this machine's")
	flags.StringVar(&r.IdentityFile, "identity-file", "", "K3s and RKE2: file with the age identity that opens the escrow beside the snapshot, mode 0600")
	flags.BoolVar(&r.Alone, "others-stopped", false, "K3s and RKE2: no other server of the cluster runs, whatever answers at their addresses")
	flags.DurationVar(&r.Timeout, "timeout", 30*time.Minute, "how long each step may take")
	flags.BoolVar(&yes, "yes", false, "do it")
	return cmd
}
