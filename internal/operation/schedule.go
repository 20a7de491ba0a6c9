package operation

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// LabelScheduler is on tasks that the manager itself asks for, with the generation of the Cluster that wants them.
const LabelScheduler = "holdfast.dev/scheduler-generation"

// Handover is what to do about a distribution's own schedule that is not as the cluster's snapshotScheduler says. A task
// hands it over, like any other: it shows in the same lists, and has the same lock and deadlines. The manager asks for it,
// because whoever changed the setting did.
type Handover struct {
	// Create this task.
	Create *v1alpha1.EtcdSnapshotTask
	// After is when to look again; 0 when there is nothing to wait for.
	After time.Duration
}

const (
	// handoverFirst and handoverMost bound the pause after an attempt that failed. It doubles in between. A change of the
	// Cluster ends it.
	handoverFirst = 10 * time.Minute
	handoverMost  = 6 * time.Hour
	// lookAgain is for machines that do not answer.
	lookAgain = 5 * time.Minute
)

// DecideHandover decides whether a task is asked for. tasks are all of the cluster.
func DecideHandover(seen *Observed, tasks []v1alpha1.EtcdSnapshotTask) Handover {
	wanted := cmp.Or(seen.Cluster.Spec.Etcd.SnapshotScheduler, v1alpha1.SchedulerDistribution)
	var machines []string
	after := time.Duration(0)
	for _, m := range seen.etcdMachines() {
		d := m.Status.Distribution
		if !m.Alive || d == nil || d.Snapshots == nil {
			after = lookAgain // it gets a task of its own when it is there
			continue
		}
		// What somebody else has turned off stays off.
		if wanted == v1alpha1.SchedulerHoldfast && !d.Snapshots.Disabled || wanted == v1alpha1.SchedulerDistribution && d.Snapshots.TakenOver {
			machines = append(machines, m.Name)
		}
	}
	if len(machines) == 0 {
		return Handover{After: after}
	}
	own := handovers(tasks)
	for i := range own {
		if !own[i].Status.Phase.Ended() {
			return Handover{After: lookBack}
		}
	}
	if pause := handoverPause(seen, own); pause > 0 {
		return Handover{After: pause}
	}
	return Handover{Create: handover(seen.Cluster, wanted, machines, own), After: soon}
}

// handovers are the manager's own, the oldest first.
func handovers(tasks []v1alpha1.EtcdSnapshotTask) []v1alpha1.EtcdSnapshotTask {
	var own []v1alpha1.EtcdSnapshotTask
	for _, t := range tasks {
		if t.Labels[LabelScheduler] != "" {
			own = append(own, t)
		}
	}
	slices.SortFunc(own, func(a, b v1alpha1.EtcdSnapshotTask) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return own
}

// handoverPause is how long to wait after attempts for the present generation that came to nothing. One that somebody has
// cancelled is not repeated.
func handoverPause(seen *Observed, own []v1alpha1.EtcdSnapshotTask) time.Duration {
	failed, last := 0, time.Time{}
	for i := range own {
		t := &own[i]
		if t.Labels[LabelScheduler] != strconv.FormatInt(seen.Cluster.Generation, 10) {
			continue
		}
		switch t.Status.Phase {
		case v1alpha1.PhaseCancelled:
			return handoverMost
		case v1alpha1.PhaseFailed:
			failed++
		default:
			failed = 0
		}
		if t.Status.Ended != nil {
			last = t.Status.Ended.Time
		}
	}
	if failed == 0 {
		return 0
	}
	return max(0, last.Add(min(handoverFirst<<min(failed-1, 6), handoverMost)).Sub(seen.Now))
}

func handover(c *v1alpha1.Cluster, to v1alpha1.SnapshotScheduler, machines []string, own []v1alpha1.EtcdSnapshotTask) *v1alpha1.EtcdSnapshotTask {
	taken := map[string]bool{}
	for _, t := range own {
		taken[t.Name] = true
	}
	name := fmt.Sprintf("scheduler-%s-%d", to, c.Generation)
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("scheduler-%s-%d-%d", to, c.Generation, n)
	}
	return &v1alpha1.EtcdSnapshotTask{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: name, Labels: map[string]string{LabelScheduler: strconv.FormatInt(c.Generation, 10)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, v1alpha1.GroupVersion().WithKind("Cluster"))},
		},
		Spec: v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskSetScheduler, Scheduler: to, Machines: machines},
	}
}
