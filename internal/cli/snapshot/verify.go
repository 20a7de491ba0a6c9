package snapshot

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/task"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newVerify(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	var level string
	var machines []string
	all := []string{string(v1alpha1.VerifyChecksum), string(v1alpha1.VerifyContent), string(v1alpha1.VerifyRestore)}
	cmd := &cobra.Command{
		Use:   "verify SNAPSHOT...",
		Short: "Test copies of snapshots again, on the machines that hold them",
		Long: `Test copies of snapshots again, on the machines that hold them: checksum compares hashes, content reads all of it,
restore also restores it in a scratch place and lets a real etcd serve it. Exits with 4 when a copy failed.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(0),
	}
	flags.Add(cmd)
	wait.Add(cmd, time.Hour)
	cmd.Flags().StringVar(&level, "level", string(v1alpha1.VerifyRestore), "checksum, content or restore")
	cmd.Flags().StringSliceVar(&machines, "machine", nil, "machines to test on (default those that hold a copy)")
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("machine", flags.CompleteMachineFlagOfSnapshot())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(all, level) {
			return console.Usagef("--level %s: use checksum, content or restore", level)
		}
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
		t := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{
			Action: v1alpha1.TaskVerify, Snapshots: objectNames(found), Machines: machines, Level: v1alpha1.VerifyLevel(level),
		}}
		t.Namespace = cluster.Namespace
		return task.Run(cmd.Context(), task.Config{Console: c, Manager: m, Wait: wait, Cluster: cluster.Name, Failed: problem.Damaged}, t)
	}
	return cmd
}
