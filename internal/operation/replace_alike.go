package operation

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// likeOthers says what a machine that joins by itself needs of the others: whom it joins through and, when it missed a
// restore, the version and the configuration that the restore has brought to them. With others it might not be let in, or
// bring the cluster what was taken from it.
func (d *draft) likeOthers() {
	d.point()
	m, keeper := d.machine(d.plan.Replace), d.machine(d.plan.InitMachine)
	if m == nil || keeper == nil || !d.missed(m) {
		return
	}
	d.versionOf(keeper, m)
	d.approvedConfig(m)
}

// missed tells whether the cluster was restored without the machine.
func (d *draft) missed(m *Machine) bool {
	return m.is(v1alpha1.MachineStale) || m.Status.RestoreEpoch < d.Cluster.Status.RestoreEpoch
}

// versionOf brings what another machine runs now: the cluster may have been upgraded since it was restored. A restore that
// left the versions alone leaves this one alone, too.
func (d *draft) versionOf(keeper, m *Machine) {
	now, has := keeper.Status.DistroVersion, m.Status.DistroVersion
	if now == "" || now == has || d.Last != nil && word(string(d.Last.Spec.RestoreRKEConfig), string(v1alpha1.RestoreNone)) == string(v1alpha1.RestoreNone) {
		return
	}
	d.plan.KubernetesVersion = now
	d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Version: %s becomes %s on %s, as on %s.", word(has, "what is installed"), now, m.Name, keeper.Name))
}

// approvedConfig is what the restore's plan had for the machine.
func (d *draft) approvedConfig(m *Machine) {
	if d.Last == nil {
		d.plan.Warnings = append(d.plan.Warnings, "the restore that "+m.Name+" missed is no longer known: its configuration stays as it is")
		return
	}
	for _, was := range d.Last.Status.Plan.Machines {
		if was.Machine != m.Name || was.Config == nil {
			continue
		}
		for i := range d.plan.Machines {
			if p := &d.plan.Machines[i]; p.Machine == m.Name {
				p.Config = was.Config
			}
		}
		d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Configuration of %s becomes what restore %s had for it.", m.Name, d.Last.Name))
	}
}

// LastRestore finds, among the restores of a cluster, the one that made it what it is; nil without one.
func LastRestore(cluster *v1alpha1.Cluster, restores []v1alpha1.EtcdSnapshotRestore) *v1alpha1.EtcdSnapshotRestore {
	for i := range restores {
		s := &restores[i].Status
		if s.Committed != nil && s.Plan != nil && s.Plan.Replace == "" && s.Plan.RestoreEpoch == cluster.Status.RestoreEpoch {
			return &restores[i]
		}
	}
	return nil
}
