package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/schedule"
)

// overdue is how long after its time a snapshot of the distribution's counts as missed.
const overdue = 15 * time.Minute

// observe tells how the distribution's own schedule does, by the files that it has left. since is when anybody began to look:
// what should have come before that is nobody's affair.
//
// An expression that the distribution can't read is ignored by it without a word (k3s#14085): whoever looks at the files alone
// would find out when it is too late.
func observe(inst *distro.Installation, wanted v1alpha1.SnapshotScheduler, list []repository.Entry, since, now time.Time) mirrored {
	seen := mirrored{condition: metav1.Condition{Type: v1alpha1.MachineScheduleOK}}
	fail := func(reason, format string, args ...any) mirrored {
		seen.condition.Status, seen.condition.Reason, seen.condition.Message = metav1.ConditionFalse, reason, fmt.Sprintf(format, args...)
		return seen
	}
	newest := recurringNewest(inst, list)
	if !newest.IsZero() {
		at := metav1.NewTime(newest)
		seen.last = &at
	}
	settings := inst.Distribution.Snapshots
	if settings == nil || settings.Disabled {
		return fail("Disabled", "the distribution takes no recurring snapshots (etcd-disable-snapshots): turn them on, or choose snapshotScheduler holdfast")
	}
	if wanted == v1alpha1.SchedulerHoldfast {
		return fail("StillDistribution", "the distribution's own schedule is still on (%s): an EtcdSnapshotTask turns it off, and Holdfast's begins then; where there is no manager, set etcd-disable-snapshots: true and restart the server", settings.Cron)
	}
	when, err := schedule.Parse(settings.Cron)
	if err != nil {
		return fail("InvalidSchedule", "the distribution ignores its schedule %q, because it can't read it: %v", settings.Cron, err)
	}
	next := metav1.NewTime(when.Next(now))
	seen.next = &next
	from := since
	if newest.After(since) {
		from = newest
	}
	if due := when.Next(from); now.Sub(due) > overdue {
		return fail("Missed", "the distribution has left no snapshot since %s, and one was due at %s (%s)", cmp.Or(stamp(newest), "ever"), stamp(due), settings.Cron)
	}
	seen.condition.Status, seen.condition.Reason, seen.condition.Message = metav1.ConditionTrue, "Mirrored", "the distribution's own schedule, "+settings.Cron+", leaves its snapshots"
	return seen
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// recurringNewest is when the distribution's newest recurring snapshot was taken.
func recurringNewest(inst *distro.Installation, list []repository.Entry) time.Time {
	var newest time.Time
	base := recurringBase(inst)
	for _, e := range list {
		at, ok := snapshot.Match(e.File, base, inst.Distribution.NodeName)
		if ok && e.Manifest == nil && at.After(newest) {
			newest = at
		}
	}
	return newest
}

// recurringBase is how the distribution's recurring snapshots are called.
func recurringBase(inst *distro.Installation) string {
	var config struct {
		Name string `json:"etcd-snapshot-name"`
	}
	_ = json.Unmarshal(inst.Config, &config) // a name that is set twice is no string
	return cmp.Or(config.Name, snapshot.NameRecurring)
}
