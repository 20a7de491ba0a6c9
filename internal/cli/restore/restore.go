// Package restore holds the commands that bring a cluster back: plan, approve, watch, cancel, go on.
//
// A restore is planned first, and nothing is touched until its plan is approved; what is approved is exactly what was
// shown, by its digest. All deciding is the manager's. Start reading at [NewCommand].
package restore

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

// NewCommand returns "holdfast restore".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Bring a cluster back to a snapshot, or to a surviving member",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newPlan(c, flags), newCreate(c, flags), newList(c, flags), newStatus(c, flags), newCancel(c, flags), newRetry(c, flags))
	return cmd
}

// op is one restore of one cluster, and what the commands on it share.
type op struct {
	console *console.Console
	manager *manager.Manager
	cluster *v1alpha1.Cluster
	restore *v1alpha1.EtcdSnapshotRestore
	wait    watch.Flags
}

// connect finds the cluster.
func connect(ctx context.Context, c *console.Console, flags *manager.Flags, wait watch.Flags, cluster string) (*op, error) {
	m, err := flags.Connect()
	if err != nil {
		return nil, err
	}
	o := &op{console: c, manager: m, wait: wait}
	o.cluster, err = m.Cluster(ctx, cluster)
	return o, err
}

// choose takes the restore that args name after the cluster, or else the newest.
func (o *op) choose(ctx context.Context, args []string) error {
	if len(args) > 1 {
		o.restore = &v1alpha1.EtcdSnapshotRestore{}
		o.restore.Namespace, o.restore.Name = o.cluster.Namespace, args[1]
		return o.manager.Get(ctx, o.restore)
	}
	var list v1alpha1.EtcdSnapshotRestoreList
	if err := o.manager.List(ctx, &list, o.cluster.Namespace); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return &problem.Error{
			Kind: problem.NotFound, Op: "find", Subject: "a restore of cluster " + o.cluster.Name, Why: "there is none",
			Next: "holdfast restore plan " + o.cluster.Name + " --latest-proven",
		}
	}
	newest := slices.MaxFunc(list.Items, func(a, b v1alpha1.EtcdSnapshotRestore) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	o.restore = &newest
	return nil
}

// follow shows the restore until done says so.
func (o *op) follow(ctx context.Context, done func() bool) error {
	return watch.Until(ctx, watch.Config{
		Console: o.console, Manager: o.manager, Timeout: o.wait.Timeout,
		Again: "holdfast restore status " + o.cluster.Name + " " + o.restore.Name + " --watch",
	}, o.restore, done)
}

// finish follows the restore to its end, prints it, and returns what it came to.
func (o *op) finish(ctx context.Context) error {
	if !o.wait.NoWait {
		if err := o.follow(ctx, func() bool { return watch.Ended(o.restore) }); err != nil {
			return err
		}
	}
	if err := o.print(); err != nil || o.wait.NoWait {
		return err
	}
	return watch.Outcome(o.cluster.Name, o.restore)
}

// completePlans offers, for a flag, the cluster's plans that nobody has approved.
func completePlans(flags *manager.Flags) cobra.CompletionFunc {
	return flags.CompleteFlag(func(ctx context.Context, m *manager.Manager) ([]string, error) {
		var list v1alpha1.EtcdSnapshotRestoreList
		err := m.List(ctx, &list, m.Namespace)
		var names []string
		for i := range list.Items {
			if r := &list.Items[i]; r.Spec.ApprovedPlan == "" && !r.Status.Phase.Ended() {
				names = append(names, cobra.CompletionWithDesc(r.Name, source(r)))
			}
		}
		return names, err
	})
}

// completeRestores offers clusters, then their restores.
func completeRestores(flags *manager.Flags) cobra.CompletionFunc {
	return flags.CompleteIn(func(ctx context.Context, m *manager.Manager, namespace string) ([]string, error) {
		var list v1alpha1.EtcdSnapshotRestoreList
		err := m.List(ctx, &list, namespace)
		var names []string
		for _, r := range list.Items {
			names = append(names, cobra.CompletionWithDesc(r.Name, string(r.Status.Phase)))
		}
		return names, err
	})
}
