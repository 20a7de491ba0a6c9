package agent

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/schedule"
)

// slots of a schedule: the moments at which a recurring snapshot is due. All machines of a cluster have the same ones
// without asking each other.
func slots(s *v1alpha1.MachineSnapshots) (cron.Schedule, error) {
	switch {
	case s == nil || s.Scheduler != v1alpha1.SchedulerHoldfast:
		return nil, nil
	case s.Cron != "":
		when, err := schedule.Parse(s.Cron)
		if err != nil {
			return nil, fmt.Errorf("the schedule %q: %w", s.Cron, err)
		}
		return when, nil
	case s.IntervalHours > 0:
		return schedule.Hours(s.IntervalHours), nil
	}
	return nil, nil
}

// due returns the newest slot after the last one that is over by now. Slots that were missed before it are not made up
// for: one snapshot shows the same as ten of the same moment.
func due(s cron.Schedule, last, now time.Time) (slot time.Time, ok bool) {
	for next := s.Next(last); !next.IsZero() && !next.After(now); next = s.Next(next) {
		slot, ok = next, true
	}
	return slot, ok
}

// delay spreads the machines over the jitter: followers in its first half, the leader in the second, each at a place that
// follows from its name.
func delay(machine string, leader bool, jitter time.Duration) time.Duration {
	half := jitter / 2
	if half <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(machine)) // never fails
	d := time.Duration(h.Sum64() % uint64(half))
	if leader {
		d += half
	}
	return d
}

// proves says whether it is this member that makes the trial restore of a backup: one is enough, and the leader has other
// work. All members come to the same answer.
func proves(m *v1alpha1.EtcdMember, leader uint64) bool {
	var voters []string
	for _, p := range m.Members {
		if !p.Learner && p.Name != "" && p.ID != etcd.FormatID(leader) {
			voters = append(voters, p.Name)
		}
	}
	if len(voters) == 0 {
		return true
	}
	return slices.Min(voters) == m.Name
}

// backupID names all snapshots that a cluster's machines take for one slot.
func backupID(clusterID string, slot time.Time) string {
	return fmt.Sprintf("%s-%d", clusterID, slot.Unix())
}
