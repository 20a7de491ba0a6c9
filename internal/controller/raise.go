package controller

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

// raise makes the cluster's epoch at least this. What it has become besides is stored before that, so that a manager which
// dies in between stores it again.
func (o *operations[T]) raise(ctx context.Context, cluster *v1alpha1.Cluster, epoch int64, becomes operation.Becomes) error {
	current := new(v1alpha1.Cluster)
	if err := o.live.Get(ctx, client.ObjectKeyFromObject(cluster), current); err != nil {
		return err
	}
	if current.Status.RestoreEpoch >= epoch {
		return nil
	}
	before := current.DeepCopy()
	become(&current.Spec, becomes)
	if !equality.Semantic.DeepEqual(before.Spec, current.Spec) {
		if err := o.Update(ctx, current); err != nil {
			return err
		}
	}
	current.Status.InitMachine = cmp.Or(becomes.InitMachine, current.Status.InitMachine)
	current.Status.RestoreEpoch = epoch
	return o.Status().Update(ctx, current)
}

// become writes what a restore has brought back. A spec describes what is there.
func become(spec *v1alpha1.ClusterSpec, becomes operation.Becomes) {
	spec.KubernetesVersion = cmp.Or(becomes.KubernetesVersion, spec.KubernetesVersion)
	if becomes.Config == nil {
		return
	}
	if spec.Config == nil {
		spec.Config = new(v1alpha1.ClusterConfig)
	}
	spec.Config.MachineGlobalConfig = becomes.Config
}

// initMachine is the machine that the others joined: the one of the last restore, else the first server that joins nobody.
func (s *situation) initMachine(present string) string {
	if slices.ContainsFunc(s.machines, func(m v1alpha1.Machine) bool { return m.Name == present && isEtcd(&m) }) {
		return present
	}
	first := ""
	for _, m := range s.machines {
		d := m.Status.Distribution
		if isEtcd(&m) && d != nil && d.JoinURL != "" && d.Joins == "" && (first == "" || strings.Compare(m.Name, first) < 0) {
			first = m.Name
		}
	}
	return first
}
