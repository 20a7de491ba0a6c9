// Package target holds the commands on where snapshots are copied to.
package target

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/task"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

// NewCommand returns "holdfast target".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "target",
		Short: "Test where a cluster's snapshots are copied to",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newTest(c, flags))
	return cmd
}

func newTest(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	var machines []string
	cmd := &cobra.Command{
		Use:   "test CLUSTER",
		Short: "Try each right on a cluster's S3 target, from the machines that use it",
		Long: `Try each right on a cluster's S3 target, from the machines that use it: write, list, read, ranged read, delete,
multipart. Each gets a verdict of its own, because each machine has its own network path, clock and credentials.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	wait.Add(cmd, 5*time.Minute)
	cmd.Flags().StringSliceVar(&machines, "machine", nil, "machines to test from (default all with etcd)")
	_ = cmd.RegisterFlagCompletionFunc("machine", flags.CompleteMachineFlag())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if cluster.Spec.Etcd.S3 == nil {
			return &problem.Error{
				Kind: problem.Refused, Op: "test the target of", Subject: "cluster " + cluster.Name,
				Why: "it has none: its snapshots stay on the machines", Next: "set spec.etcd.s3 with holdfast cluster edit " + cluster.Name,
			}
		}
		t := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskTestTarget, Machines: machines}}
		t.Namespace = cluster.Namespace
		return task.Run(cmd.Context(), task.Config{
			Console: c, Manager: m, Wait: wait, Cluster: cluster.Name, Failed: problem.Unsuccessful,
		}, t)
	}
	return cmd
}
