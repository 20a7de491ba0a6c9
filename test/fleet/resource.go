package fleet

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// Cluster reads a cluster.
func (f *Fleet) Cluster(ctx context.Context, name string) (*v1alpha1.Cluster, error) {
	var c v1alpha1.Cluster
	return &c, f.Read(ctx, &c, "cluster", "get", name)
}

// Machine reads a machine.
func (f *Fleet) Machine(ctx context.Context, name string) (*v1alpha1.Machine, error) {
	var m v1alpha1.Machine
	return &m, f.Read(ctx, &m, "machine", "get", name)
}

// Snapshots lists a cluster's snapshots, those of the newest backup first.
func (f *Fleet) Snapshots(ctx context.Context, cluster string) ([]v1alpha1.EtcdSnapshot, error) {
	var list v1alpha1.EtcdSnapshotList
	return list.Items, f.Read(ctx, &list, "snapshot", "ls", cluster)
}

// Ready waits until the manager calls a cluster ready: machines answer, etcd is healthy.
func (f *Fleet) Ready(ctx context.Context, cluster string, machines int) error {
	return lab.Until(ctx, "cluster "+cluster+" to be ready", func(ctx context.Context) error {
		c, err := f.Cluster(ctx, cluster)
		if err != nil {
			return err
		}
		if got := int(c.Status.Machines.Answering); got != machines {
			return fmt.Errorf("%d of %d machines answer", got, machines)
		}
		if !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ClusterReady) {
			return fmt.Errorf("conditions: %+v", c.Status.Conditions)
		}
		return nil
	})
}
