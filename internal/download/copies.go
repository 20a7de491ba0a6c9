package download

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// states in which a copy is whole, those that promise least first.
var states = []v1alpha1.SnapshotState{
	v1alpha1.StateUnverified, v1alpha1.StateSuspect, v1alpha1.StateComplete, v1alpha1.StateChecked, v1alpha1.StateRestored, v1alpha1.StateProven,
}

// Remote are the whole copies of a snapshot in S3, the best first.
func Remote(s *v1alpha1.EtcdSnapshot) []v1alpha1.SnapshotCopy {
	var found []v1alpha1.SnapshotCopy
	for _, c := range s.Status.Copies {
		if c.Machine == "" && strings.HasPrefix(c.Location, "s3://") && slices.Contains(states, c.State) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b v1alpha1.SnapshotCopy) int {
		return slices.Index(states, b.State) - slices.Index(states, a.State)
	})
	return found
}
