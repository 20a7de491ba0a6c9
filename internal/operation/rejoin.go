package operation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// LabelRejoin is on restores that the manager itself asks for, with the machine that missed a restore.
const LabelRejoin = "holdfast.dev/rejoin"

// Rejoin is what to do about machines that hold data of before a restore: their agents have stopped and fenced them. Each
// becomes a member again by a restore that replaces its member, like any other: it shows in the same lists, has the same
// lock, deadlines and way back. The manager asks for it and approves its plan, because nothing can be lost by it: the data
// that the machine holds was given up when that restore was approved.
//
// At most one of the fields is set.
type Rejoin struct {
	// Create this restore.
	Create *v1alpha1.EtcdSnapshotRestore
	// Change this restore's spec: its plan is approved, it goes on after a failure, or it is given up.
	Change *v1alpha1.EtcdSnapshotRestore
	// Delete this restore: enough others tell of the machine's attempts.
	Delete *v1alpha1.EtcdSnapshotRestore
	// After is when to look again; 0 when there is nothing to wait for.
	After time.Duration
}

const (
	// rejoinFirst and rejoinMost bound the pause after an attempt that came to nothing. It doubles in between.
	rejoinFirst = time.Minute
	rejoinMost  = time.Hour
	// rejoinRefused is how long a plan that can't be carried out is shown before another one is made.
	rejoinRefused = 5 * time.Minute
	// rejoinKept attempts of a machine are kept to read.
	rejoinKept = 3
)

// DecideRejoin decides about one machine at a time, the first by name. restores are all of the cluster.
func DecideRejoin(seen *Observed, restores []v1alpha1.EtcdSnapshotRestore) Rejoin {
	for _, m := range seen.etcdMachines() {
		own := attempts(restores, m.Name)
		if d := tidy(own); d != nil {
			return Rejoin{Delete: d}
		}
		if len(own) > 0 && !own[len(own)-1].Status.Phase.Ended() {
			return nurse(seen, &own[len(own)-1])
		}
	}
	if slices.ContainsFunc(restores, underWay) {
		return Rejoin{After: waitLock}
	}
	return begin(seen, restores)
}

// underWay tells whether a restore will change machines, or is changing them.
func underWay(r v1alpha1.EtcdSnapshotRestore) bool {
	return !r.Status.Phase.Ended() && (r.Spec.ApprovedPlan != "" || r.Labels[LabelRejoin] != "")
}

// begin asks for the restore of the first machine that is due.
func begin(seen *Observed, restores []v1alpha1.EtcdSnapshotRestore) Rejoin {
	var soonest time.Duration
	for _, m := range seen.etcdMachines() {
		if !m.is(v1alpha1.MachineStale) || !m.Alive || m.Plan.Name == "" || !seen.census().majority(m.Name) {
			continue
		}
		own := attempts(restores, m.Name)
		pause := pauseAfter(seen.Now, own)
		switch {
		case pause > 0:
			soonest = min(cmp.Or(soonest, pause), pause)
		case len(own) > 0 && resumable(&own[len(own)-1]):
			r := own[len(own)-1].DeepCopy()
			r.Spec.RetryFrom = r.Status.RemainingSteps[0]
			return Rejoin{Change: r, After: soon}
		case m.unfinished() != "":
		default:
			return Rejoin{Create: attempt(seen, m, own), After: soon}
		}
	}
	return Rejoin{After: soonest}
}

// attempts of a machine at its present epoch and earlier, the oldest first.
func attempts(restores []v1alpha1.EtcdSnapshotRestore, machine string) []v1alpha1.EtcdSnapshotRestore {
	var own []v1alpha1.EtcdSnapshotRestore
	for _, r := range restores {
		if r.Labels[LabelRejoin] == machine && r.Spec.Source.Replace == machine {
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b v1alpha1.EtcdSnapshotRestore) int {
		return cmp.Or(cmp.Compare(number(&a), number(&b)), strings.Compare(a.Name, b.Name))
	})
	return own
}

// number of an attempt: what its name ends with.
func number(r *v1alpha1.EtcdSnapshotRestore) int {
	n := 0
	_, _ = fmt.Sscanf(r.Name[strings.LastIndex(r.Name, "-")+1:], "%d", &n) // 0 for a name that nobody here has given
	return n
}

func attempt(seen *Observed, m *Machine, own []v1alpha1.EtcdSnapshotRestore) *v1alpha1.EtcdSnapshotRestore {
	next := 1
	if len(own) > 0 {
		next = number(&own[len(own)-1]) + 1
	}
	return &v1alpha1.EtcdSnapshotRestore{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: seen.Cluster.Namespace, Name: fmt.Sprintf("rejoin-%s-%d", m.Name, next), Labels: map[string]string{LabelRejoin: m.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(seen.Cluster, v1alpha1.GroupVersion().WithKind("Cluster"))},
		},
		Spec: v1alpha1.EtcdSnapshotRestoreSpec{Source: v1alpha1.RestoreSource{Replace: m.Name}},
	}
}

// nurse sees an attempt through: it approves its plan, or gives it up when that can't be carried out.
func nurse(seen *Observed, r *v1alpha1.EtcdSnapshotRestore) Rejoin {
	planned := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.OperationPlanned)
	if r.Spec.ApprovedPlan != "" || r.Spec.Cancel || planned == nil || planned.Status != metav1.ConditionTrue || r.Status.Plan == nil {
		return Rejoin{After: lookBack}
	}
	changed := r.DeepCopy()
	wait := planned.LastTransitionTime.Add(rejoinRefused).Sub(seen.Now)
	switch {
	case planned.Reason == v1alpha1.PlannedReady:
		changed.Spec.ApprovedPlan = r.Status.Plan.Digest
	case wait > 0:
		return Rejoin{After: wait}
	default:
		changed.Spec.Cancel = true
	}
	return Rejoin{Change: changed, After: soon}
}

// resumable tells whether an attempt stopped after its commit point: the machine is a member, and only has to be seen
// through.
func resumable(r *v1alpha1.EtcdSnapshotRestore) bool {
	return r.Status.Outcome == v1alpha1.OutcomeKeptNew && len(r.Status.RemainingSteps) > 0 && !r.Spec.Cancel &&
		r.DeletionTimestamp.IsZero() && r.Spec.RetryFrom != r.Status.RemainingSteps[0]
}

// pauseAfter is how much of the pause after the last attempt is left.
func pauseAfter(now time.Time, own []v1alpha1.EtcdSnapshotRestore) time.Duration {
	if len(own) == 0 || own[len(own)-1].Status.Ended == nil {
		return 0
	}
	last, succeeded := &own[len(own)-1], 0
	for i := range own {
		if own[i].Status.Outcome == v1alpha1.OutcomeRestored {
			succeeded = number(&own[i])
		}
	}
	failed := number(last) - succeeded
	if failed == 0 {
		return 0
	}
	pause := rejoinFirst << min(failed-1, 6)
	return max(0, last.Status.Ended.Add(min(pause, rejoinMost)).Sub(now))
}

// tidy finds the oldest attempt that has ended, when there are more than are kept.
func tidy(own []v1alpha1.EtcdSnapshotRestore) *v1alpha1.EtcdSnapshotRestore {
	if len(own) <= rejoinKept || !own[0].Status.Phase.Ended() || !own[0].DeletionTimestamp.IsZero() {
		return nil
	}
	return &own[0]
}
