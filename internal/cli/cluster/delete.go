package cluster

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newDelete(c *console.Console, flags *manager.Flags) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete CLUSTER",
		Aliases: []string{"rm"},
		Short:   "Take a cluster from the manager",
		Long: `Take a cluster from the manager, with its machines and its lists of snapshots. It asks first.

The cluster itself goes on running, and its snapshots stay where they are, unless its deletionPolicy is Delete.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if !yes {
			if err := c.Ask(question(cluster), cluster.Name); err != nil {
				return err
			}
		}
		if err := m.Delete(cmd.Context(), cluster); err != nil {
			return err
		}
		return c.Print(m.One(cluster, func(w io.Writer) {
			fmt.Fprintf(w, "Cluster %s is deleted; %s. Its namespace %s stays.\n", cluster.Name, afterDeletion(cluster), cluster.Namespace)
		}))
	}
	return cmd
}

func question(cluster *v1alpha1.Cluster) string {
	n := cluster.Status.Machines.Total
	text := fmt.Sprintf("Cluster %s and its %d machines will be unknown to the manager, and no snapshot will be taken any more.", cluster.Name, n)
	if cluster.Spec.DeletionPolicy == v1alpha1.DeletionDelete {
		return text + "\nIts deletionPolicy is Delete: EVERY SNAPSHOT THAT HOLDFAST TOOK IS DELETED, TOO."
	}
	return text + "\nEvery snapshot stays where it is." + unscheduled(cluster)
}

// unscheduled warns of a distribution whose own schedule Holdfast has turned off: nobody turns it on again by itself.
func unscheduled(cluster *v1alpha1.Cluster) string {
	spec := cluster.Spec
	if spec.Distro != v1alpha1.DistroK3s && spec.Distro != v1alpha1.DistroRKE2 || spec.Etcd.SnapshotScheduler != v1alpha1.SchedulerHoldfast {
		return ""
	}
	return "\nThe schedule of " + string(spec.Distro) + " itself is off: hand it back before (snapshotScheduler: distribution), or run holdfast-agent uninstall on each machine afterwards."
}
