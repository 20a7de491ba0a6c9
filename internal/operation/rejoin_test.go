package operation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// rejoins lets the manager decide about machines that missed a restore, and about the restores that it asks for.
func rejoins(w *world, restores *[]v1alpha1.EtcdSnapshotRestore, limit time.Duration) {
	w.settle(func() bool {
		w.members.reflect(w)
		busy := false
		for i := range *restores {
			busy = decideRestore(w, &(*restores)[i]) || busy
		}
		d := DecideRejoin(w.observe(), *restores)
		switch {
		case d.Create != nil:
			r := clone(*d.Create)
			r.UID = w.nextUID()
			*restores = append(*restores, r)
		case d.Change != nil:
			for i := range *restores {
				if (*restores)[i].Name == d.Change.Name {
					(*restores)[i].Spec = clone(d.Change.Spec)
				}
			}
		case d.Delete != nil:
			*restores = without(*restores, d.Delete.Name)
		default:
			return busy
		}
		return true
	}, limit)
}

func without(all []v1alpha1.EtcdSnapshotRestore, name string) []v1alpha1.EtcdSnapshotRestore {
	var kept []v1alpha1.EtcdSnapshotRestore
	for _, r := range all {
		if r.Name != name {
			kept = append(kept, r)
		}
	}
	return kept
}

func summary(all []v1alpha1.EtcdSnapshotRestore) []string {
	var list []string
	for _, r := range all {
		list = append(list, strings.TrimSpace(fmt.Sprint(r.Name, " ", r.Status.Outcome)))
	}
	return list
}

func TestAMachineThatMissedARestoreIsMadeAMemberAgain(t *testing.T) {
	w := liveWorld(t, true)
	var all []v1alpha1.EtcdSnapshotRestore
	rejoins(w, &all, time.Hour)
	if diff := cmp.Diff([]string{"rejoin-c-1 Restored"}, summary(all)); diff != "" {
		t.Fatalf("%s\n%+v", diff, all)
	}
	if c := w.nodes["c"]; c.data != live || !c.running || c.epoch != 1 {
		t.Errorf("c is %+v", c.disk)
	}
}

func TestARejoinIsTriedAgainLessAndLessOften(t *testing.T) {
	w := liveWorld(t, true)
	w.nodes["c"].do[step.JoinEtcd] = func() (any, error) { return nil, errModel }
	var all []v1alpha1.EtcdSnapshotRestore
	rejoins(w, &all, 2*time.Hour)
	n := number(&all[len(all)-1])
	if n < 4 || n > 9 {
		t.Errorf("%d attempts in two hours", n)
	}
	if len(all) > rejoinKept+1 {
		t.Errorf("%v are kept", summary(all))
	}
	delete(w.nodes["c"].do, step.JoinEtcd)
	rejoins(w, &all, 2*time.Hour)
	if got := all[len(all)-1].Status.Outcome; got != v1alpha1.OutcomeRestored {
		t.Errorf("%v", summary(all))
	}
}

func TestARejoinThatStoppedAfterItsCommitPointGoesOn(t *testing.T) {
	w := liveWorld(t, true)
	w.nodes["a"].do[step.PromoteMember] = func() (any, error) { return nil, errModel }
	var all []v1alpha1.EtcdSnapshotRestore
	rejoins(w, &all, 30*time.Second*20)
	delete(w.nodes["a"].do, step.PromoteMember)
	rejoins(w, &all, 3*time.Hour)
	if diff := cmp.Diff([]string{"rejoin-c-1 Restored"}, summary(all)); diff != "" {
		t.Error(diff)
	}
}

func TestNothingRejoinsByItselfWhereThatCouldBeWrong(t *testing.T) {
	approved := from(snap)
	approved.Name, approved.Spec.ApprovedPlan, approved.Status.Phase = "other", "sha256:x", v1alpha1.PhaseStarted
	for name, test := range map[string]struct {
		change func(*world)
		others []v1alpha1.EtcdSnapshotRestore
	}{
		"the others have no quorum": {func(w *world) { w.nodes["a"].down, w.nodes["a"].running = true, false }, nil},
		"it does not answer":        {func(w *world) { w.nodes["c"].down = true }, nil},
		"its data is of the newest restore, and of another etcd": {func(w *world) {
			c := w.nodes["c"]
			c.epoch, c.fenced = 1, false
		}, nil},
		"a restore is under way": {func(*world) {}, []v1alpha1.EtcdSnapshotRestore{*approved}},
	} {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t, true)
			test.change(w)
			w.members.reflect(w)
			if d := DecideRejoin(w.observe(), test.others); d.Create != nil || d.Change != nil {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestAPlanThatCanNotBeCarriedOutIsGivenUp: what keeps it may be over by the next one.
func TestAPlanThatCanNotBeCarriedOutIsGivenUp(t *testing.T) {
	w := liveWorld(t, true)
	r := attempt(w.observe(), &w.observe().Machines[2], nil)
	r.Status.Phase, r.Status.Plan = v1alpha1.PhasePending, &v1alpha1.RestorePlan{Digest: "sha256:y"}
	planned := metav1.Condition{Type: v1alpha1.OperationPlanned, Status: metav1.ConditionTrue, Reason: v1alpha1.PlannedRefused, LastTransitionTime: metav1.NewTime(w.now)}
	r.Status.Conditions = []metav1.Condition{planned}
	all := []v1alpha1.EtcdSnapshotRestore{*r}
	if d := DecideRejoin(w.observe(), all); d.Change != nil || d.After != rejoinRefused {
		t.Errorf("at first: %+v", d)
	}
	w.now = w.now.Add(rejoinRefused)
	if d := DecideRejoin(w.observe(), all); d.Change == nil || !d.Change.Spec.Cancel {
		t.Errorf("later: %+v", d)
	}
}
