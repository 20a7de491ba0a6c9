package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/simulated"
	"github.com/holdfast-dev/holdfast/test/bench/fleet"
)

// vary makes the clusters differ, as those of a real fleet do: some have no schedule, some no machine yet, and one has lost
// its quorum.
func vary(ctx context.Context, f *fleet.Fleet) error {
	for i, c := range f.Clusters() {
		if i%7 != 3 {
			continue
		}
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"etcd":{"disableSnapshots":true}}}`))
		if err := f.Patch(ctx, c.DeepCopy(), patch); err != nil {
			return fmt.Errorf("end the schedule of %s: %w", c.Name, err)
		}
	}
	for _, distro := range []v1alpha1.Distro{v1alpha1.DistroK3s, v1alpha1.DistroRKE2} {
		name := "new-" + string(distro)
		c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name}, Spec: v1alpha1.ClusterSpec{Distro: distro}}
		if err := simulated.Register(ctx, f.Client, c); err != nil {
			return err
		}
	}
	return loseQuorum(f)
}

// loseQuorum stops etcd on two of the three machines of the last cluster.
func loseQuorum(f *fleet.Fleet) error {
	all := f.Clusters()
	namespace := all[len(all)-1].Namespace
	for _, machine := range []string{"b", "c"} {
		a := f.Agent(namespace, machine)
		if a == nil {
			return fmt.Errorf("cluster %s has no machine %s", namespace, machine)
		}
		a.StopEtcd()
	}
	return nil
}
