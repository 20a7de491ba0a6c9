// Package snapshot holds the commands on snapshots as the manager knows them: take, list, show, test, delete.
//
// The commands create the resources that ask for it, and show what the manager says; no byte of a snapshot passes
// through here. Start reading at [NewCommand].
package snapshot

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// NewCommand returns "holdfast snapshot".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Take, list, test and delete the snapshots of clusters",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newCreate(c, flags), newList(c, flags), newShow(c, flags), newVerify(c, flags), newDelete(c, flags), newDownload(c, flags))
	return cmd
}

// find looks up all names before anything is done with the first. All must be of one cluster, since a task is.
func find(ctx context.Context, m *manager.Manager, names []string) ([]*v1alpha1.EtcdSnapshot, error) {
	var found []*v1alpha1.EtcdSnapshot
	for _, name := range names {
		s, err := m.Snapshot(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 && found[0].Namespace != s.Namespace {
			return nil, console.Usagef("%s and %s are of different clusters: give them in two commands", found[0].Name, s.Name)
		}
		found = append(found, s)
	}
	return found, nil
}

// clusterOf is the cluster that a namespace belongs to.
func clusterOf(ctx context.Context, m *manager.Manager, namespace string) (*v1alpha1.Cluster, error) {
	var list v1alpha1.ClusterList
	if err := m.List(ctx, &list, namespace); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 { // its snapshots outlive it
		cluster := &v1alpha1.Cluster{}
		cluster.Name, cluster.Namespace = namespace, namespace
		return cluster, nil
	}
	return &list.Items[0], nil
}

func objectNames(list []*v1alpha1.EtcdSnapshot) []string {
	var all []string
	for _, s := range list {
		all = append(all, s.Name)
	}
	return all
}
