package cluster

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newList(c *console.Console, flags *manager.Flags) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the clusters, and how well each is protected",
		Long: `List the clusters, and how well each is protected.

READY: etcd answers on all machines that should run it. PROTECTED: the last complete snapshot is as young as the schedule
promises. PROVEN and COMPLETE: how old the newest such snapshots are.`,
		Args: cobra.NoArgs,
	}
	flags.Add(cmd)
	watch.AddList(cmd, &follow)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		return watch.List(cmd.Context(), c, m, follow, &v1alpha1.ClusterList{}, m.Namespace, func() error {
			list, err := m.Clusters(cmd.Context())
			if err != nil {
				return err
			}
			return c.Print(manager.Many(m, list, func(w io.Writer) { table(w, c.Now(), list) }))
		})
	}
	return cmd
}

func table(w io.Writer, now time.Time, list []v1alpha1.Cluster) {
	if len(list) == 0 {
		fmt.Fprintln(w, "No clusters. Register one: holdfast cluster create NAME --distro etcd")
		return
	}
	header := []string{"NAME", "DISTRO", "VERSION", "READY", "PROTECTED", "PROVEN", "COMPLETE", "NEXT", "MACHINES", "OPERATION"}
	spaces := false // shown only where it says more than the name
	for _, cluster := range list {
		spaces = spaces || cluster.Namespace != cluster.Name
	}
	var rows [][]string
	for _, cluster := range list {
		row := columns(now, &cluster)
		if spaces {
			row = append([]string{cluster.Namespace}, row...)
		}
		rows = append(rows, row)
	}
	if spaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	console.Columns(w, header, rows)
}

func columns(now time.Time, cluster *v1alpha1.Cluster) []string {
	s := &cluster.Status
	return []string{
		cluster.Name, string(cluster.Spec.Distro), version(cluster),
		cell.Condition(s.Conditions, v1alpha1.ClusterReady), cell.Condition(s.Conditions, v1alpha1.ClusterProtected),
		snapshotAge(now, s.LastProven), snapshotAge(now, s.LastComplete), next(now, cluster),
		fmt.Sprintf("%d/%d", s.Machines.Answering, s.Machines.Total), operation(s.Operation),
	}
}

func version(cluster *v1alpha1.Cluster) string {
	o := cluster.Status.Observed
	if o.KubernetesVersion != "" {
		return o.KubernetesVersion
	}
	return cell.Text(o.EtcdVersion)
}

func snapshotAge(now time.Time, ref *v1alpha1.SnapshotReference) string {
	if ref == nil {
		return "never"
	}
	return cell.Age(now, &ref.Created)
}

func next(now time.Time, cluster *v1alpha1.Cluster) string {
	if cluster.Spec.Etcd.DisableSnapshots {
		return "off"
	}
	return cell.Until(now, cluster.Status.NextSnapshot)
}

func operation(o *v1alpha1.OperationReference) string {
	if o == nil {
		return cell.None
	}
	return cell.Text(o.Name) + " " + string(o.Phase)
}
