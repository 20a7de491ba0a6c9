package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Clusters are all that -n allows, by name.
func (m *Manager) Clusters(ctx context.Context) ([]v1alpha1.Cluster, error) {
	var list v1alpha1.ClusterList
	err := m.List(ctx, &list, m.Namespace)
	slices.SortFunc(list.Items, func(a, b v1alpha1.Cluster) int {
		return strings.Compare(a.Name+"\x00"+a.Namespace, b.Name+"\x00"+b.Namespace)
	})
	return list.Items, err
}

// Cluster finds a cluster by its name, in whichever namespace it is. Whoever may not look into all namespaces finds
// those that are in a namespace of their own name.
func (m *Manager) Cluster(ctx context.Context, name string) (*v1alpha1.Cluster, error) {
	all, err := m.Clusters(ctx)
	if err != nil && m.Namespace == "" && problem.KindOf(err) == problem.Denied {
		cluster := &v1alpha1.Cluster{}
		cluster.Name, cluster.Namespace = name, name
		return cluster, m.Get(ctx, cluster)
	}
	if err != nil {
		return nil, err
	}
	return pick(m, "cluster", name, all, func(c *v1alpha1.Cluster) bool { return c.Name == name })
}

// Machine finds a machine by its name.
func (m *Manager) Machine(ctx context.Context, name string) (*v1alpha1.Machine, error) {
	var list v1alpha1.MachineList
	if err := m.List(ctx, &list, m.Namespace); err != nil {
		return nil, err
	}
	return pick(m, "machine", name, list.Items, func(c *v1alpha1.Machine) bool { return c.Name == name })
}

// Snapshot finds a snapshot by its name or its file's.
func (m *Manager) Snapshot(ctx context.Context, name string) (*v1alpha1.EtcdSnapshot, error) {
	var list v1alpha1.EtcdSnapshotList
	if err := m.List(ctx, &list, m.Namespace); err != nil {
		return nil, err
	}
	return pick(m, "snapshot", name, list.Items, IsSnapshot(name))
}

// IsSnapshot tells which snapshots a name means: its object's, or its file's.
func IsSnapshot(name string) func(*v1alpha1.EtcdSnapshot) bool {
	return func(s *v1alpha1.EtcdSnapshot) bool { return s.Name == name || s.Spec.File == name }
}

// pick returns the one object that is meant. Several of one name are told apart by their namespaces.
func pick[T any, P interface {
	*T
	client.Object
}](m *Manager, what, name string, all []T, is func(P) bool) (P, error) {
	var found, others []P
	for i := range all {
		if p := P(&all[i]); is(p) {
			found = append(found, p)
		} else {
			others = append(others, p)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, m.none(what, name, names(others))
	}
	var spaces []string
	for _, p := range found {
		spaces = append(spaces, p.GetNamespace())
	}
	return nil, &problem.Error{
		Kind: problem.Usage, Op: "find", Subject: what + " " + name,
		Why:  fmt.Sprintf("there are %d of this name, in the namespaces %s", len(found), strings.Join(spaces, ", ")),
		Next: "choose one with -n, as -n " + spaces[0],
	}
}

func (m *Manager) none(what, name string, others []string) error {
	place := "at " + m.Address
	if m.Namespace != "" {
		place = "in namespace " + m.Namespace + " " + place
	}
	next := "holdfast " + what + " ls shows all"
	if len(others) > 0 && len(others) <= 10 {
		next = "there is " + strings.Join(others, ", ")
	}
	return &problem.Error{Kind: problem.NotFound, Op: "find", Subject: what + " " + name + " " + place, Why: "there is none", Next: next}
}

func names[P client.Object](list []P) []string {
	var all []string
	for _, p := range list {
		all = append(all, p.GetName())
	}
	slices.Sort(all)
	return slices.Compact(all)
}
