// Package doctor says what is wrong with a cluster's protection, and what to do next.
//
// It knows nothing that the manager's resources do not say, and changes nothing. What it concludes is a pure function of
// them. Start reading at [Examine].
package doctor

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	coordination "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// view is the JSON form of holdfast doctor.
type view struct {
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Findings  []Finding `json:"findings"`
}

// NewCommand returns "holdfast doctor".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor CLUSTER",
		Short: "Say what is wrong with a cluster's protection, and what to do",
		Long: `Say what is wrong with a cluster's protection, worst first, each with the next command. It only looks.

Exits with 3 when anything is critical or a warning; notes alone are 0.`,
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
		facts, err := read(cmd.Context(), m, cluster)
		if err != nil {
			return err
		}
		facts.Now = c.Now()
		found := Examine(facts)
		if err := c.Print(result(cluster, found)); err != nil {
			return err
		}
		return verdict(cluster.Name, found)
	}
	return cmd
}

func read(ctx context.Context, m *manager.Manager, cluster *v1alpha1.Cluster) (Facts, error) {
	var machines v1alpha1.MachineList
	var snapshots v1alpha1.EtcdSnapshotList
	var saves v1alpha1.EtcdSnapshotSaveList
	var restores v1alpha1.EtcdSnapshotRestoreList
	var leases coordination.LeaseList
	for _, list := range []client.ObjectList{&machines, &snapshots, &saves, &restores, &leases} {
		if err := m.List(ctx, list, cluster.Namespace); err != nil {
			return Facts{}, err
		}
	}
	return Facts{
		Cluster: cluster, Machines: machines.Items, Snapshots: snapshots.Items, Saves: saves.Items, Restores: restores.Items, Leases: leases.Items,
	}, nil
}

func result(cluster *v1alpha1.Cluster, found []Finding) console.Result {
	v := view{Cluster: cluster.Name, Namespace: cluster.Namespace, Findings: found}
	names := []string{}
	for _, f := range found {
		names = append(names, f.Subject)
	}
	return console.Result{Value: v, Names: names, Table: func(w io.Writer) {
		for _, f := range found {
			fmt.Fprintf(w, "%-8s  %s: %s\n", f.Severity, f.Subject, f.Problem)
			if f.Next != "" {
				fmt.Fprintf(w, "          next: %s\n", f.Next)
			}
		}
		if len(found) == 0 {
			fmt.Fprintf(w, "Nothing is wrong with cluster %s.\n", cluster.Name)
		}
	}}
}

func verdict(cluster string, found []Finding) error {
	serious := 0
	for _, f := range found {
		if f.Severity != Note {
			serious++
		}
	}
	if serious == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Refused, Op: "examine", Subject: "cluster " + cluster, Why: fmt.Sprintf("%d of %d findings need somebody", serious, len(found))}
}
