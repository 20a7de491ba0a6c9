package snapshot

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newCreate(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	save := v1alpha1.EtcdSnapshotSave{}
	cmd := &cobra.Command{
		Use:   "create CLUSTER",
		Short: "Take a snapshot of a cluster now",
		Long: `Take a snapshot of a cluster now, on all healthy machines with etcd, and wait until it is tested and stored.

--pre-change marks it as taken before an upgrade, and keeps it apart from the recurring ones.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	wait.Add(cmd, time.Hour)
	fs := cmd.Flags()
	fs.StringVar(&save.Spec.Name, "name", "", "base of the files' names (default on-demand, or pre-change)")
	fs.BoolVar(&save.Spec.PreChange, "pre-change", false, "mark it as taken before an upgrade or another change")
	fs.StringSliceVar(&save.Spec.Machines, "machine", nil, "machines to take it on (default all healthy ones with etcd)")
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
		save := save.DeepCopy()
		save.Namespace, save.GenerateName = cluster.Namespace, "save-"
		if err := m.Create(cmd.Context(), save); err != nil {
			return err
		}
		if !wait.NoWait {
			err = watch.Until(cmd.Context(), watch.Config{
				Console: c, Manager: m, Timeout: wait.Timeout, Again: "holdfast snapshot ls " + cluster.Name,
			}, save, func() bool { return watch.Ended(save) })
			if err != nil {
				return err
			}
		}
		if err := printSave(cmd.Context(), c, m, save); err != nil || wait.NoWait {
			return err
		}
		return watch.Outcome(cluster.Name, save)
	}
	return cmd
}

// printSave shows what a save has made. Good copies of one that failed are there all the same.
func printSave(ctx context.Context, c *console.Console, m *manager.Manager, save *v1alpha1.EtcdSnapshotSave) error {
	var made []v1alpha1.EtcdSnapshot
	if len(save.Status.Snapshots) > 0 {
		var list v1alpha1.EtcdSnapshotList
		if err := m.List(ctx, &list, save.Namespace); err != nil {
			return err
		}
		made = slices.DeleteFunc(list.Items, func(s v1alpha1.EtcdSnapshot) bool { return !slices.Contains(save.Status.Snapshots, s.Name) })
	}
	r := m.One(save, func(w io.Writer) {
		fmt.Fprintf(w, "save %s: %s\n", save.Name, cell.Text(save.Status.Phase))
		for _, s := range save.Status.Skipped {
			fmt.Fprintf(w, "skipped %s: %s\n", s.Machine, s.Reason)
		}
		if len(made) > 0 {
			table(w, c.Now(), made)
		}
	})
	r.Names = save.Status.Snapshots
	return c.Print(r)
}
