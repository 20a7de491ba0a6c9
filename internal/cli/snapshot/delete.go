package snapshot

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/task"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newDelete(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete SNAPSHOT...",
		Aliases: []string{"rm"},
		Short:   "Delete the bytes of snapshots, everywhere",
		Long: `Delete the bytes of snapshots, on machines and in S3, on purpose and of whatever state. It asks first. Deleting the
EtcdSnapshot resource, as kubectl does, deletes no byte.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(0),
	}
	flags.Add(cmd)
	wait.Add(cmd, 10*time.Minute)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		found, err := find(cmd.Context(), m, args)
		if err != nil {
			return err
		}
		cluster, err := clusterOf(cmd.Context(), m, found[0].Namespace)
		if err != nil {
			return err
		}
		if !yes {
			if err := c.Ask(question(found), cluster.Name); err != nil {
				return err
			}
		}
		t := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskDelete, Snapshots: objectNames(found)}}
		t.Namespace = cluster.Namespace
		return task.Run(cmd.Context(), task.Config{Console: c, Manager: m, Wait: wait, Cluster: cluster.Name, Failed: problem.Unsuccessful}, t)
	}
	return cmd
}

func question(found []*v1alpha1.EtcdSnapshot) string {
	lines := []string{"These copies will be deleted for good:"}
	for _, s := range found {
		for _, c := range s.Status.Copies {
			lines = append(lines, fmt.Sprintf("  %s%s (%s, %s)", c.Location, on(c.Machine), c.State, console.Bytes(c.Size)))
		}
	}
	return strings.Join(lines, "\n")
}
