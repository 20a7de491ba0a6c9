package operation

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// AnnotationManagerElsewhere on a Cluster, set to "true", says that it is a copy of the Kubernetes that keeps the manager's
// objects, made from one of its snapshots, and not that Kubernetes itself: nobody can tell the two apart from within.
const AnnotationManagerElsewhere = "holdfast.dev/manager-elsewhere"

// managerElsewhere refuses to restore what the manager itself stands on: stopping its etcd would end the manager in the
// middle, with nobody left to tell the machines how to go on or back.
func (d *draft) managerElsewhere() {
	c := meta.FindStatusCondition(d.Cluster.Status.Conditions, v1alpha1.ClusterHostsManager)
	switch {
	case c == nil:
	case c.Status != "True":
		d.check("ManagerElsewhere", "-", checkPassed, c.Message)
	case d.Cluster.Annotations[AnnotationManagerElsewhere] == "true":
		d.check("ManagerElsewhere", "-", checkWarning, c.Message+"; by annotation "+AnnotationManagerElsewhere+" it is a copy of that cluster")
	default:
		d.check("ManagerElsewhere", "-", checkFailed, c.Message+", and a restore would end the manager in the middle. "+
			"Restore it from a manager elsewhere, or without one: holdfast-agent restore --local on its machines. "+
			"If this is a copy of the manager's cluster, set annotation "+AnnotationManagerElsewhere+" to true on the Cluster")
	}
}
