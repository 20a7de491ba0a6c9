package agent

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

func TestTheDistributionsScheduleIsJudgedByTheFilesThatItLeaves(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	file := func(base, node string, ago time.Duration) repository.Entry {
		return repository.Entry{File: snapshot.Name{Base: base, Node: node, Time: now.Add(-ago)}.String()}
	}
	ours := file("etcd-snapshot", "n1", time.Minute)
	ours.Manifest = &snapshot.Manifest{}
	for name, test := range map[string]struct {
		settings v1alpha1.DistributionSnapshots
		config   string
		wanted   v1alpha1.SnapshotScheduler
		files    []repository.Entry
		want     string
		last     time.Duration
	}{
		"it comes":                        {v1alpha1.DistributionSnapshots{Cron: "0 * * * *"}, `{}`, "", []repository.Entry{file("etcd-snapshot", "n1", time.Hour)}, "Mirrored", time.Hour},
		"it is due and may yet come":      {v1alpha1.DistributionSnapshots{Cron: "50 * * * *"}, `{}`, "", []repository.Entry{file("etcd-snapshot", "n1", 70*time.Minute)}, "Mirrored", 70 * time.Minute},
		"one did not come":                {v1alpha1.DistributionSnapshots{Cron: "30 * * * *"}, `{}`, "", []repository.Entry{file("etcd-snapshot", "n1", 90*time.Minute)}, "Missed", 90 * time.Minute},
		"none ever came":                  {v1alpha1.DistributionSnapshots{Cron: "30 * * * *"}, `{}`, "", nil, "Missed", 0},
		"nothing was due since the start": {v1alpha1.DistributionSnapshots{Cron: "0 5 * * *"}, `{}`, "", nil, "Mirrored", 0},
		"others' files do not count": {
			v1alpha1.DistributionSnapshots{Cron: "30 * * * *"}, `{}`, "",
			[]repository.Entry{file("etcd-snapshot", "n2", time.Minute), file("on-demand", "n1", time.Minute), ours}, "Missed", 0,
		},
		"another name":                  {v1alpha1.DistributionSnapshots{Cron: "30 * * * *"}, `{"etcd-snapshot-name":"mine"}`, "", []repository.Entry{file("mine", "n1", time.Minute)}, "Mirrored", time.Minute},
		"an expression that is ignored": {v1alpha1.DistributionSnapshots{Cron: `\* * * * *`}, `{}`, "", []repository.Entry{file("etcd-snapshot", "n1", time.Minute)}, "InvalidSchedule", time.Minute},
		"it is off":                     {v1alpha1.DistributionSnapshots{Cron: "30 * * * *", Disabled: true}, `{}`, "", nil, "Disabled", 0},
		"Holdfast is to take over":      {v1alpha1.DistributionSnapshots{Cron: "0 * * * *"}, `{}`, v1alpha1.SchedulerHoldfast, nil, "StillDistribution", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inst := &distro.Installation{
				Config:       json.RawMessage(test.config),
				Distribution: &v1alpha1.DistributionStatus{NodeName: "n1", Snapshots: &test.settings},
			}
			got := observe(inst, test.wanted, test.files, now.Add(-2*time.Hour), now)
			if ok := test.want == "Mirrored"; got.condition.Reason != test.want || (got.condition.Status == metav1.ConditionTrue) != ok {
				t.Errorf("%+v", got.condition)
			}
			if test.last == 0 != (got.last == nil) || got.last != nil && !got.last.Time.Equal(now.Add(-test.last)) {
				t.Errorf("last at %v", got.last)
			}
		})
	}
}

func TestWhatFailsAgainAndAgainIsLeftAlone(t *testing.T) {
	var m mirror
	e := repository.Entry{File: "a", Info: blob.Info{Version: "1"}, State: repository.StateUnverified}
	for range tendTries {
		if !m.open(e) {
			t.Fatal("given up too soon")
		}
		m.tried(e, errBusy)
	}
	if m.open(e) {
		t.Error("it is tried for ever")
	}
	e.Info.Version = "2"
	if !m.open(e) {
		t.Error("another file of the name is not looked at")
	}
	m.tried(e, nil)
	damaged := repository.Entry{File: "b", State: repository.StateDamaged}
	if m.open(e) || m.open(damaged) || m.open(repository.Entry{File: "c", Manifest: &snapshot.Manifest{}}) {
		t.Error("what is done, damaged or Holdfast's own is looked at again")
	}
}
