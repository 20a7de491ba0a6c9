package restore

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

func newList(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls CLUSTER",
		Aliases: []string{"list"},
		Short:   "List a cluster's restores and plans, the newest first",
		Long: `List a cluster's restores and plans, the newest first.

APPROVED: a plan that nobody has approved touches nothing. OUTCOME: what the cluster runs after it.`,
	}
	watch.ListOf(cmd, c, flags, &v1alpha1.EtcdSnapshotRestoreList{}, show)
	return cmd
}

func show(ctx context.Context, c *console.Console, m *manager.Manager, cluster *v1alpha1.Cluster) error {
	var list v1alpha1.EtcdSnapshotRestoreList
	if err := m.List(ctx, &list, cluster.Namespace); err != nil {
		return err
	}
	slices.SortStableFunc(list.Items, func(a, b v1alpha1.EtcdSnapshotRestore) int {
		return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
	})
	return c.Print(manager.Many(m, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintf(w, "No restores of %s. Plan one: holdfast restore plan %s --latest-proven\n", cluster.Name, cluster.Name)
			return
		}
		table(w, c.Now(), list.Items)
	}))
}

func table(w io.Writer, now time.Time, list []v1alpha1.EtcdSnapshotRestore) {
	var rows [][]string
	for i := range list {
		r := &list[i]
		approved := "no"
		if r.Spec.ApprovedPlan != "" {
			approved = "yes"
		}
		rows = append(rows, []string{
			r.Name, cell.Text(r.Status.Phase), approved, cell.Text(r.Status.Outcome), source(r), cell.Age(now, &r.CreationTimestamp), cell.Text(r.Status.Message),
		})
	}
	console.Columns(w, []string{"NAME", "PHASE", "APPROVED", "OUTCOME", "TO", "AGE", "MESSAGE"}, rows)
}

// source is what a restore goes back to: what its plan found, or else what was asked for.
func source(r *v1alpha1.EtcdSnapshotRestore) string {
	s := &r.Spec.Source
	switch {
	case r.Status.Plan != nil && r.Status.Plan.Snapshot != nil:
		return r.Status.Plan.Snapshot.File
	case s.Survivor != "":
		return "member on " + s.Survivor
	case s.Replace != "":
		return "a new member on " + s.Replace
	case s.LatestProven:
		return "latest proven"
	case s.At != nil:
		return s.At.UTC().Format(time.RFC3339)
	}
	return cell.Text(s.Snapshot + s.File + s.S3URI)
}
