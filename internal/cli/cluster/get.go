package cluster

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newGet(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get CLUSTER",
		Aliases:           []string{"show"},
		Short:             "Show all that the manager knows of a cluster",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return c.Print(m.One(cluster, func(w io.Writer) { describe(w, c.Now(), cluster) }))
	}
	return cmd
}

func describe(w io.Writer, now time.Time, cluster *v1alpha1.Cluster) {
	s, e := &cluster.Status, &cluster.Spec.Etcd
	console.Pairs(w,
		"Name", cluster.Name, "Namespace", cluster.Namespace, "ID", s.ID, "Distro", string(cluster.Spec.Distro),
		"Kubernetes", s.Observed.KubernetesVersion, "etcd", s.Observed.EtcdVersion,
		"Machines", fmt.Sprintf("%d, of which %d run etcd and %d answer", s.Machines.Total, s.Machines.Etcd, s.Machines.Answering),
		"Schedule", schedule(e), "Tested by", string(e.Verify), "Target", target(e.S3),
		"Last complete", reference(now, s.LastComplete), "Last proven", reference(now, s.LastProven),
		"Next snapshot", next(now, cluster), "Operation", cell.Text(operation(s.Operation)),
		"Restores", fmt.Sprint(s.RestoreEpoch), "If deleted", afterDeletion(cluster))
	for _, c := range s.Conditions {
		fmt.Fprintf(w, "%s\n", condition(c))
	}
}

func condition(c metav1.Condition) string {
	text := fmt.Sprintf("%s: %s", c.Type, c.Status)
	if c.Message != "" || c.Reason != "" {
		text += ", " + cmp.Or(c.Message, c.Reason)
	}
	return text
}

func schedule(e *v1alpha1.ClusterEtcd) string {
	switch {
	case e.DisableSnapshots:
		return "off"
	case e.SnapshotIntervalHours != nil:
		return fmt.Sprintf("every %d h%s", *e.SnapshotIntervalHours, keeps(e))
	case e.SnapshotScheduleCron != "":
		return e.SnapshotScheduleCron + keeps(e)
	}
	return "default" + keeps(e)
}

func keeps(e *v1alpha1.ClusterEtcd) string {
	if e.SnapshotRetention == nil {
		return ""
	}
	return fmt.Sprintf(", keeps %d", *e.SnapshotRetention)
}

func target(s *v1alpha1.S3) string {
	if s == nil {
		return "the machines' own disks: whoever loses the machines loses the snapshots"
	}
	folder := s.Folder
	if folder != "" {
		folder = "/" + folder
	}
	return "s3://" + s.Bucket + folder + " at " + s.Endpoint
}

func reference(now time.Time, ref *v1alpha1.SnapshotReference) string {
	if ref == nil {
		return "never"
	}
	return fmt.Sprintf("%s, %s ago", ref.Name, cell.Age(now, &ref.Created))
}

func afterDeletion(cluster *v1alpha1.Cluster) string {
	if cluster.Spec.DeletionPolicy == v1alpha1.DeletionDelete {
		return "the snapshots that Holdfast took are deleted, too"
	}
	return "every snapshot stays"
}
