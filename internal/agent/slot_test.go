package agent

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func at(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", text, time.Local)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMissedSlotsAreCaughtUpOnce(t *testing.T) {
	s, err := slots(&v1alpha1.MachineSnapshots{Scheduler: v1alpha1.SchedulerHoldfast, Cron: "0 */5 * * *"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, last, now, want string }{
		{"nothing is due", "2026-01-01 00:00:00", "2026-01-01 04:59:59", ""},
		{"on the moment", "2026-01-01 00:00:00", "2026-01-01 05:00:00", "2026-01-01 05:00:00"},
		{"a week was missed", "2026-01-01 00:00:00", "2026-01-08 12:30:00", "2026-01-08 10:00:00"},
		{"it was dealt with", "2026-01-08 10:00:00", "2026-01-08 12:30:00", ""},
	} {
		got, ok := due(s, at(test.last), at(test.now))
		if ok != (test.want != "") || ok && !got.Equal(at(test.want)) {
			t.Errorf("%s: %v %v", test.name, got, ok)
		}
	}
}

func TestOnlyHoldfastsOwnScheduleIsKept(t *testing.T) {
	for name, s := range map[string]*v1alpha1.MachineSnapshots{
		"none": nil, "the distribution's": {Scheduler: v1alpha1.SchedulerDistribution, Cron: "* * * * *"}, "off": {Scheduler: v1alpha1.SchedulerHoldfast},
	} {
		if got, err := slots(s); got != nil || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := slots(&v1alpha1.MachineSnapshots{Scheduler: v1alpha1.SchedulerHoldfast, Cron: "nonsense"}); err == nil {
		t.Error("nonsense is a schedule")
	}
}

func TestFollowersGoBeforeTheLeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jitter := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "jitter"))
		follower := delay(rapid.String().Draw(t, "follower"), false, jitter)
		leader := delay(rapid.String().Draw(t, "leader"), true, jitter)
		if follower < 0 || leader < 0 || leader > jitter || jitter > time.Second && follower >= jitter/2 || jitter > time.Second && leader < jitter/2 {
			t.Fatalf("of %v: follower %v, leader %v", jitter, follower, leader)
		}
	})
}

func TestExactlyOneMemberMakesTheTrialRestore(t *testing.T) {
	members := []v1alpha1.PeerMember{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "3", Name: "c"}, {ID: "4", Name: "0", Learner: true}, {ID: "5"}}
	for leader := range uint64(4) {
		var who []string
		for _, m := range members[:3] {
			if proves(&v1alpha1.EtcdMember{Name: m.Name, Members: members}, leader) {
				who = append(who, m.Name)
			}
		}
		if len(who) != 1 || leader == 1 && who[0] == "a" {
			t.Errorf("leader %d: %v", leader, who)
		}
	}
	if !proves(&v1alpha1.EtcdMember{Name: "a", Members: members[:1]}, 1) {
		t.Error("the only member does not")
	}
}
