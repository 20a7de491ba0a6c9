package operation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// restarts notes on which machines the server was restarted. During a restart all others must be healthy.
func restarts(t *testing.T, w *world, fails ...string) *[]string {
	var order []string
	for name, n := range w.nodes {
		n.do[step.SetScheduler] = func() (any, error) {
			for other, m := range w.nodes {
				if other != name && m.unready() != "" {
					t.Errorf("%s is restarted while %s is not well", name, other)
				}
			}
			order = append(order, name)
			if slices.Contains(fails, name) {
				return nil, errModel
			}
			return step.TaskEvidence{Results: []v1alpha1.TaskResult{{Subject: subjectSchedule, Outcome: v1alpha1.ResultPassed}}}, nil
		}
	}
	return &order
}

func TestTheScheduleIsHandedOverOnOneMachineAfterTheOther(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*world)
		fails   []string
		order   []string
		phase   v1alpha1.Phase
		says    string
	}{
		"the leader comes last": {nil, nil, []string{"b", "c", "a"}, v1alpha1.PhaseFinished, "setScheduler: 3 of 3 passed"},
		"after a failure the others stay as they are": {
			nil, []string{"c"}, []string{"b", "c"}, v1alpha1.PhaseFailed, "c: the model says no",
		},
		"no member is restarted while another is ill": {
			func(w *world) { w.nodes["c"].healthy(false) }, nil, nil, v1alpha1.PhaseFailed, "b: not done in",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a", "b", "c")
			order := restarts(t, w, test.fails...)
			if test.prepare != nil {
				test.prepare(w)
			}
			task := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{
				Action: v1alpha1.TaskSetScheduler, Scheduler: v1alpha1.SchedulerHoldfast,
			}}
			tasks(w, task, 6*time.Hour)
			if task.Status.Phase != test.phase || !strings.Contains(task.Status.Message, test.says) {
				t.Errorf("%s: %s", task.Status.Phase, task.Status.Message)
			}
			if d := cmp.Diff(test.order, *order); len(test.order)+len(*order) > 0 && d != "" {
				t.Error(d)
			}
			if w.holder != nil {
				t.Error("the lock is still held")
			}
		})
	}
}

// scheduled is a k3s cluster of three whose machines have told of their schedules.
func scheduled(t *testing.T, off ...string) *world {
	w := newWorld(t, "a", "b", "c")
	w.cluster.Spec.Distro, w.cluster.Name, w.cluster.Generation = v1alpha1.DistroK3s, "prod", 4
	for name, n := range w.nodes {
		gone := slices.Contains(off, name)
		n.Status.Distribution = &v1alpha1.DistributionStatus{Snapshots: &v1alpha1.DistributionSnapshots{Disabled: gone, TakenOver: gone}}
	}
	return w
}

func TestATaskIsAskedForWhereTheScheduleIsNotAsTheClusterSays(t *testing.T) {
	for name, test := range map[string]struct {
		wanted  v1alpha1.SnapshotScheduler
		off     []string
		prepare func(*world)
		want    []string
	}{
		"nothing was said":               {"", nil, nil, nil},
		"holdfast":                       {v1alpha1.SchedulerHoldfast, nil, nil, []string{"a", "b", "c"}},
		"holdfast, one has joined since": {v1alpha1.SchedulerHoldfast, []string{"a", "b"}, nil, []string{"c"}},
		"holdfast, done":                 {v1alpha1.SchedulerHoldfast, []string{"a", "b", "c"}, nil, nil},
		"back to the distribution":       {v1alpha1.SchedulerDistribution, []string{"a", "b", "c"}, nil, []string{"a", "b", "c"}},
		"turned off by somebody else": {v1alpha1.SchedulerDistribution, []string{"a"}, func(w *world) {
			w.nodes["a"].Status.Distribution.Snapshots.TakenOver = false
		}, nil},
		"one does not answer": {v1alpha1.SchedulerHoldfast, nil, func(w *world) { w.nodes["b"].down = true }, []string{"a", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := scheduled(t, test.off...)
			w.cluster.Spec.Etcd.SnapshotScheduler = test.wanted
			if test.prepare != nil {
				test.prepare(w)
			}
			var got []string
			if d := DecideHandover(w.observe(), nil); d.Create != nil {
				got = d.Create.Spec.Machines
				if d.Create.Spec.Scheduler != test.wanted || d.Create.Name != "scheduler-"+string(test.wanted)+"-4" {
					t.Errorf("%s: %+v", d.Create.Name, d.Create.Spec)
				}
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAHandoverThatCameToNothingIsTriedAgainLaterAndNotForEver(t *testing.T) {
	w := scheduled(t)
	w.cluster.Spec.Etcd.SnapshotScheduler = v1alpha1.SchedulerHoldfast
	var all []v1alpha1.EtcdSnapshotTask
	begun := w.now
	for range 20 {
		d := DecideHandover(w.observe(), all)
		if d.Create == nil {
			if d.After <= 0 {
				t.Fatal("nobody looks again")
			}
			w.now = w.now.Add(d.After)
			continue
		}
		task := *d.Create
		task.CreationTimestamp = metav1.NewTime(w.now)
		if len(all) > 0 && task.Name != fmt.Sprintf("scheduler-holdfast-4-%d", len(all)+1) {
			t.Errorf("name %s", task.Name)
		}
		if open := DecideHandover(w.observe(), append(slices.Clone(all), task)); open.Create != nil {
			t.Error("another one is asked for while one is open")
		}
		ended := metav1.NewTime(w.now.Add(time.Minute))
		task.Status.Phase, task.Status.Ended = v1alpha1.PhaseFailed, &ended
		all = append(all, task)
	}
	if n, hours := len(all), w.now.Sub(begun).Hours(); n < 5 || float64(n) > hours {
		t.Errorf("%d attempts in %.0f hours", n, hours)
	}
	w.cluster.Generation++
	if d := DecideHandover(w.observe(), all); d.Create == nil {
		t.Error("the cluster was changed, and nothing is tried")
	}
	all[len(all)-1].Status.Phase = v1alpha1.PhaseCancelled
	w.cluster.Generation--
	if d := DecideHandover(w.observe(), all); d.Create != nil {
		t.Error("it was cancelled, and is tried again")
	}
}
