package operation

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Of each kind of operation that has ended a cluster keeps the newest, and beyond that those of the last days.
const (
	KeepEnded = 20
	KeepFor   = 7 * 24 * time.Hour
)

// Past is an operation of one kind.
type Past struct {
	Name string
	// Ended is when; zero while it goes on.
	Ended time.Time
	// Pinned: somebody wants to keep it, or there is still something to do about it.
	Pinned bool
}

// Expired are the names of operations that need not be kept any more. What goes on is never among them.
func Expired(now time.Time, all []Past) []string {
	ended := slices.DeleteFunc(slices.Clone(all), func(p Past) bool { return p.Ended.IsZero() })
	slices.SortFunc(ended, func(a, b Past) int {
		return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.Name, b.Name))
	})
	var names []string
	for i, p := range ended {
		if i >= KeepEnded && !p.Pinned && now.Sub(p.Ended) > KeepFor {
			names = append(names, p.Name)
		}
	}
	return names
}

// Unresolved tells whether a restore that has ended still waits for somebody: steps of it remain.
func Unresolved(r *v1alpha1.EtcdSnapshotRestore) bool {
	return r.Status.Phase == v1alpha1.PhaseFailed && len(r.Status.RemainingSteps) > 0
}
