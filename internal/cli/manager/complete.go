package manager

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// A shell that waits for completions is a shell that hangs.
const completionTimeout = 3 * time.Second

// CompleteClusters offers the names of clusters for a command that takes at most so many; 0: any number.
func (f *Flags) CompleteClusters(most int) cobra.CompletionFunc {
	return f.complete(most, func(ctx context.Context, m *Manager) ([]string, error) {
		all, err := m.Clusters(ctx)
		var names []string
		for _, c := range all {
			names = append(names, cobra.CompletionWithDesc(c.Name, string(c.Spec.Distro)))
		}
		return names, err
	})
}

// CompleteMachines offers the names of machines, of all clusters.
func (f *Flags) CompleteMachines(most int) cobra.CompletionFunc {
	return f.complete(most, machineNames)
}

// CompleteSnapshots offers the names of snapshots of all clusters, the newest first.
func (f *Flags) CompleteSnapshots(most int) cobra.CompletionFunc {
	return f.complete(most, snapshotNames)
}

// CompleteMachineFlag offers, for a flag of a command on a cluster, that cluster's machines.
func (f *Flags) CompleteMachineFlag() cobra.CompletionFunc {
	return f.within(clusterSpace, machineNames)
}

// CompleteSnapshotFlag offers, for a flag of a command on a cluster, that cluster's snapshots.
func (f *Flags) CompleteSnapshotFlag() cobra.CompletionFunc {
	return f.within(clusterSpace, snapshotNames)
}

// CompleteMachineFlagOfSnapshot offers, for a flag of a command on a snapshot, the machines of the snapshot's cluster.
func (f *Flags) CompleteMachineFlagOfSnapshot() cobra.CompletionFunc {
	return f.within(snapshotSpace, machineNames)
}

// CompleteFlag offers, for a flag of a command on a cluster, what names finds in that cluster's namespace.
func (f *Flags) CompleteFlag(names func(context.Context, *Manager) ([]string, error)) cobra.CompletionFunc {
	return f.within(clusterSpace, names)
}

// lister returns the names in a Manager's namespace, with what is told about each.
type lister func(context.Context, *Manager) ([]string, error)

func machineNames(ctx context.Context, m *Manager) ([]string, error) {
	var list v1alpha1.MachineList
	err := m.List(ctx, &list, m.Namespace)
	var names []string
	for _, machine := range list.Items {
		names = append(names, cobra.CompletionWithDesc(machine.Name, "of "+machine.Namespace))
	}
	return names, err
}

func snapshotNames(ctx context.Context, m *Manager) ([]string, error) {
	var list v1alpha1.EtcdSnapshotList
	err := m.List(ctx, &list, m.Namespace)
	slices.SortFunc(list.Items, func(a, b v1alpha1.EtcdSnapshot) int { return b.Spec.Created.Compare(a.Spec.Created.Time) })
	var names []string
	for _, s := range list.Items {
		names = append(names, cobra.CompletionWithDesc(s.Name, string(s.Status.State)+", "+s.Spec.Created.Local().Format(time.DateTime)))
	}
	return names, err
}

func clusterSpace(ctx context.Context, m *Manager, name string) (string, error) {
	cluster, err := m.Cluster(ctx, name)
	if err != nil {
		return "", err
	}
	return cluster.Namespace, nil
}

func snapshotSpace(ctx context.Context, m *Manager, name string) (string, error) {
	s, err := m.Snapshot(ctx, name)
	if err != nil {
		return "", err
	}
	return s.Namespace, nil
}

// within keeps a flag's completions to the namespace of what the command's first argument names. A flag may be typed before
// it: then nothing is known yet, and all are offered.
func (f *Flags) within(space func(context.Context, *Manager, string) (string, error), names lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return f.complete(0, func(ctx context.Context, m *Manager) ([]string, error) {
			if len(args) > 0 {
				namespace, err := space(ctx, m, args[0])
				if err != nil {
					return nil, err
				}
				m.Namespace = namespace
			}
			return names(ctx, m)
		})(cmd, nil, typed)
	}
}

// CompleteIn offers what belongs to the cluster that is the first argument.
func (f *Flags) CompleteIn(names func(context.Context, *Manager, string) ([]string, error)) cobra.CompletionFunc {
	clusters := f.CompleteClusters(1)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return clusters(cmd, args, typed)
		}
		return f.complete(2, func(ctx context.Context, m *Manager) ([]string, error) {
			cluster, err := m.Cluster(ctx, args[0])
			if err != nil {
				return nil, err
			}
			return names(ctx, m, cluster.Namespace)
		})(cmd, args, typed)
	}
}

func (f *Flags) complete(most int, names lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		m, err := f.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, err := names(ctx, m)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return slices.DeleteFunc(all, func(n string) bool {
			name, _, _ := strings.Cut(n, "\t")
			return slices.Contains(args, name)
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

func (f *Flags) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	loaded, _, err := f.load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return contexts(loaded), cobra.ShellCompDirectiveNoFileComp
}

func (f *Flags) completeNamespaces(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return f.complete(0, func(ctx context.Context, m *Manager) ([]string, error) {
		m.Namespace = ""
		all, err := m.Clusters(ctx)
		var names []string
		for _, c := range all {
			names = append(names, cobra.CompletionWithDesc(c.Namespace, "cluster "+c.Name))
		}
		return names, err
	})(cmd, nil, typed)
}

func contexts(c *api.Config) []string { return slices.Sorted(maps.Keys(c.Contexts)) }

// oneOf lists what could have been said.
func oneOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
