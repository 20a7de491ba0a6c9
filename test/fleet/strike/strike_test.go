package strike

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

func TestEtcdMayNotRunFromTheStopToTheStartNorOnTheWayBackBeforeTheFenceIsLifted(t *testing.T) {
	const fenced, stopped = 1, 2
	for _, c := range []struct {
		name               string
		fence, stop, start step.State
		undo               bool
		want               int
	}{
		{"nothing is begun", "", "", "", false, 0},
		{"the fence is going up", step.Begun, "", "", false, 0},
		{"the fence is up", step.Done, "", "", false, fenced},
		{"etcd is being stopped", step.Done, step.Begun, "", false, fenced},
		{"etcd is stopped", step.Done, step.Done, "", false, stopped},
		{"the start is begun", step.Done, step.Done, step.Begun, false, 0},
		{"the start was refused", step.Done, step.Done, step.Refused, false, stopped},
		{"it was started", step.Done, step.Done, step.Done, false, 0},
		{"only the fence was up, and is lifted", step.Done, "", "", true, 0},
		{"the way back has begun", step.Done, step.Done, step.Done, true, 0},
		{"the start is taken back", step.Done, step.Done, step.Undone, true, stopped},
		{"it was never started", step.Done, step.Done, "", true, stopped},
		{"the stop is taken back", step.Done, step.Undone, step.Undone, true, 0},
		{"all is taken back", step.Undone, step.Undone, "", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJournal("")
			j.plan = v1alpha1.MachinePlanSpec{Operation: &v1alpha1.PlanOperation{UID: "uid"}, Undo: c.undo}
			j.records["uid"] = map[string]step.Record{}
			for i, r := range []step.Record{{Kind: step.Fence, State: c.fence}, {Kind: step.StopDistro, State: c.stop}, {Kind: step.StartDistro, State: c.start}} {
				if r.Number = i + 1; r.State != "" {
					j.records["uid"][string(r.Kind)] = r
				}
			}
			got := 0
			switch fenced, stopped := j.closed(); {
			case stopped:
				got = 2
			case fenced:
				got = 1
			}
			if got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestEveryMomentIsStruckOnceWithEachWeaponThatCanHit(t *testing.T) {
	moments := []Moment{
		{Machine: "node2", Step: "stop", Kind: step.StopDistro, At: Unbegun, Running: true},
		{Machine: "node1", Step: "stop", Kind: step.StopDistro, At: Ended},
		{Machine: "node3", Step: "stop", Kind: step.StopDistro, At: Ended}, // as node1: another
	}
	leads := Place{Step: "stop", Kind: step.StopDistro, At: Unbegun, Leader: true}
	other := Place{Step: "stop", Kind: step.StopDistro, At: Ended}
	want := []Strike{
		{leads, Agent, false}, {leads, Manager, false}, {leads, Power, false}, {leads, Etcd, false},
		{other, Agent, false}, {other, Manager, false}, {other, Power, false}, {other, Agent, true}, {other, Power, true},
	}
	if diff := cmp.Diff(want, Matrix(moments, "node2")); diff != "" {
		t.Error(diff)
	}
}

// acked is a write that took the time between two numbers.
func acked(cluster, sent, got int, revision int64, term uint64) ack {
	start := time.Unix(0, 0)
	return ack{cluster: strconv.Itoa(cluster), sent: start.Add(time.Duration(sent)), got: start.Add(time.Duration(got)), revision: revision, term: term}
}

func TestClustersThatTakeWritesInTurnAreFound(t *testing.T) {
	old, fresh, again := acked(1, 0, 1, 5, 1), acked(2, 2, 3, 5, 1), acked(1, 4, 5, 6, 1)
	if err := inTurn([]ack{old, fresh}, false); err != nil {
		t.Error(err)
	}
	if err := inTurn([]ack{old, fresh, again}, true); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"the old one after a restore": inTurn([]ack{old, fresh, again}, false),
		"four turns":                  inTurn([]ack{old, fresh, again, fresh}, true),
		"three clusters":              inTurn([]ack{old, fresh, acked(3, 4, 5, 1, 1)}, true),
	} {
		if err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

func TestTwoSetsOfMembersWithOneNameAreFoundByTheirRevisions(t *testing.T) {
	overlapping := []ack{acked(1, 0, 5, 12, 1), acked(1, 1, 6, 11, 1), acked(1, 7, 8, 13, 2)}
	if err := growing(overlapping); err != nil {
		t.Error(err)
	}
	for name, acks := range map[string][]ack{
		"a revision that was given away twice": {acked(1, 0, 1, 10, 1), acked(1, 2, 3, 10, 1)},
		"a lower revision":                     {acked(1, 0, 1, 10, 1), acked(1, 2, 3, 9, 1)},
		"a lower term":                         {acked(1, 0, 1, 10, 2), acked(1, 2, 3, 11, 1)},
		"a lower one after a concurrent one":   {acked(1, 0, 1, 10, 1), acked(1, 0, 2, 9, 1), acked(1, 3, 4, 10, 1)},
	} {
		if growing(acks) == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

func TestTheNameOfAStepIsWithoutItsOperation(t *testing.T) {
	for id, want := range map[string]string{
		"fence-0f3a9c1e": "fence", "healthy-0f3a9c1e-retry-1": "healthy-retry-1", "StopDistro": "StopDistro",
		"preflight-9c1e0f3a-0f3a9c1e": "preflight",
	} {
		if got := name(id); got != want {
			t.Errorf("%s is called %s, want %s", id, got, want)
		}
	}
}
