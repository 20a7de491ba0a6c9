package operation

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// bump of the revision: clients of a plain etcd may have seen newer revisions than the snapshot's, and must not see
// their numbers used again for other content.
const bump = 1_000_000_000

// rebuild gives all machines that are restored the same database and membership.
func (r *restoring) rebuild() bool {
	if !r.every(r.makers(), r.id("restore"), step.RestoreEtcd, "makes the new data", r.restoreSettings) {
		return false
	}
	if _, err := r.rebuilt(); err != nil {
		r.give("NotTheSame", err.Error())
		return false
	}
	return true
}

func (r *restoring) restoreSettings(m *Machine) any {
	if r.shape.alone {
		return step.RestoreSettings{} // the distribution names its members itself
	}
	set := step.RestoreSettings{InitialClusterToken: fmt.Sprintf("%s-%d-%s", r.Cluster.Status.ID, r.status.Plan.RestoreEpoch, r.id("r"))}
	if d := r.Cluster.Spec.Distro; d == v1alpha1.DistroEtcd || d == v1alpha1.DistroRKE {
		set.BumpRevision = bump
	}
	var members []string
	for _, p := range r.status.Plan.Machines {
		if p.Action != v1alpha1.ActionRestore {
			continue
		}
		for _, url := range p.PeerURLs {
			members = append(members, p.Member+"="+url)
		}
		if p.Machine == m.Name {
			set.Member, set.PeerURLs = p.Member, p.PeerURLs
		}
	}
	set.InitialCluster = strings.Join(members, ",")
	return set
}

// rebuilt is what all machines restored, if it is the same.
func (r *restoring) rebuilt() (*step.RestoreEvidence, error) {
	var first *step.RestoreEvidence
	for _, m := range r.makers() {
		var e step.RestoreEvidence
		switch {
		case !evidence(m, r.id("restore"), &e):
			return nil, fmt.Errorf("machine %s does not say what it restored", m.Name)
		case first == nil:
			first = &e
		case e.Revision != first.Revision || e.ContentHash != first.ContentHash || e.ClusterID != first.ClusterID:
			return nil, fmt.Errorf("machine %s restored something else than the others", m.Name)
		}
	}
	return first, nil
}
