package restoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// rejoining is a cluster that one machine keeps up, and a machine with a cluster of before a restore that is to join it.
type rejoining struct {
	keeper, joiner *scene
	// turns of both, in the order in which the manager hands them out.
	turns []turn
	// plans that each has by now.
	kept, joined v1alpha1.MachinePlanSpec
	// admitted is what the keeper's first step said.
	admitted step.AdmitEvidence
}

// turn is a step of one of them.
type turn struct {
	joins    bool
	kind     step.Kind
	settings func() any
}

func newRejoining(t *testing.T) *rejoining {
	t.Helper()
	r := &rejoining{keeper: &scene{Machine: etcdtest.Named(t, "m1"), dir: t.TempDir()}, joiner: &scene{Machine: etcdtest.Named(t, "m2"), dir: t.TempDir()}}
	op := &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1"}
	r.kept.Operation, r.joined.Operation = op, op
	for _, s := range []*scene{r.keeper, r.joiner} {
		s.Start(t)
	}
	r.keeper.Put(t, "a", "new")
	r.joiner.Put(t, "a", "old")
	id := clusterID(t, r.keeper)
	admit := func() any {
		return step.AdmitSettings{ClusterID: id, Machine: "m2", PeerURLs: []string{r.joiner.Peer}}
	}
	admitted := func() any { return r.admitted }
	joined := func() any {
		return step.HealthySettings{ClusterID: id, MemberID: r.admitted.MemberID, Learner: true}
	}
	healthy := func() any { return step.HealthySettings{ClusterID: id, MemberID: r.admitted.MemberID} }
	commit := func() any { return step.CommitSettings{Epoch: 1} }
	r.turns = []turn{
		{true, step.Fence, nil}, {true, step.StopDistro, nil}, {true, step.MoveAside, nil},
		{false, step.AdmitMember, admit},
		{true, step.JoinEtcd, admitted}, {true, step.StartDistro, nil}, {true, step.WaitHealthy, joined},
		{false, step.PromoteMember, admitted},
		{true, step.WaitHealthy, healthy}, {true, step.Commit, commit},
	}
	return r
}

func clusterID(t *testing.T, s *scene) string {
	t.Helper()
	cfg := etcd.Defaults()
	cfg.Endpoints = []string{s.Client}
	c, err := etcd.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := c.Membership(t.Context(), s.Client)
	if err != nil {
		t.Fatal(err)
	}
	return etcd.FormatID(m.Cluster)
}

// hand gives the next step to the machine whose turn it is.
func (r *rejoining) hand(t *testing.T, next turn) (*scene, *v1alpha1.MachinePlanSpec) {
	t.Helper()
	s, plan := r.keeper, &r.kept
	if next.joins {
		s, plan = r.joiner, &r.joined
	}
	st := v1alpha1.PlanStep{ID: fmt.Sprintf("%s-%d", next.kind, len(plan.Steps)), Kind: string(next.kind), Deadline: metav1.NewTime(time.Now().Add(5 * time.Minute))}
	if next.settings != nil {
		raw, err := json.Marshal(next.settings())
		if err != nil {
			t.Fatal(err)
		}
		st.Settings = &runtime.RawExtension{Raw: raw}
	}
	plan.Steps = append(plan.Steps, st)
	plan.Serial++
	return s, plan
}

// take does a turn: kills the agent some times in it, then lets it finish.
func (r *rejoining) take(t *testing.T, next turn, kills int) {
	t.Helper()
	s, plan := r.hand(t, next)
	for range kills {
		s.runAndKill(t, *plan, rand.N(turnTime))
	}
	results := s.run(t, *plan, v1alpha1.StepDone)
	if next.kind != step.AdmitMember {
		return
	}
	if err := json.Unmarshal(results[len(results)-1].Evidence.Raw, &r.admitted); err != nil {
		t.Fatal(err)
	}
}

// turnTime is how long a step takes here, about.
const turnTime = 500 * time.Millisecond

// undo takes all back on both.
func (r *rejoining) undo(t *testing.T, kills int) {
	t.Helper()
	for _, one := range []struct {
		s    *scene
		plan *v1alpha1.MachinePlanSpec
	}{{r.joiner, &r.joined}, {r.keeper, &r.kept}} {
		if len(one.plan.Steps) == 0 {
			continue
		}
		one.plan.Undo = true
		one.plan.Serial++
		for range kills {
			one.s.runAndKill(t, *one.plan, rand.N(turnTime))
		}
		one.s.run(t, *one.plan, v1alpha1.StepUndone)
	}
}

func (r *rejoining) wantMembers(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.keeper.Members(t)); diff != "" {
		t.Errorf("members: %s", diff)
	}
}

func TestAMachineWithOldDataBecomesAMemberOfTheClusterThatRuns(t *testing.T) {
	r := newRejoining(t)
	for _, next := range r.turns {
		r.take(t, next, 0)
	}
	r.wantMembers(t, "m1", "m2")
	r.joiner.Want(t, "a", "new")
	r.joiner.Put(t, "b", "both")
	r.keeper.Want(t, "b", "both")
	if _, err := os.Stat(filepath.Join(r.joiner.Data+".holdfast-u1", "member", "snap", "db")); err != nil {
		t.Errorf("the old data: %v", err)
	}
	if e, err := restoring.ReadEpoch(r.joiner.State); err != nil || e.Epoch != 1 {
		t.Errorf("epoch %+v, %v", e, err)
	}
	if fenced, err := r.joiner.Driver().Fenced(); err != nil || fenced {
		t.Errorf("fenced %v, %v", fenced, err)
	}
}

func TestALostMemberIsReplacedOnlyWhereTheOthersHaveAQuorum(t *testing.T) {
	r := newRejoining(t)
	for _, next := range r.turns {
		r.take(t, next, 0)
	}
	if err := r.joiner.Driver().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := r.keeper.Driver().Admit(t.Context(), distro.Admission{
		ClusterID: r.admitted.ClusterID, PeerURLs: []string{r.joiner.Peer}, Remove: []string{r.admitted.MemberID},
	})
	if !errors.Is(err, distro.ErrNotYet) {
		t.Errorf("one of two members has no quorum: %v", err)
	}
	r.joiner.Start(t)
	r.wantMembers(t, "m1", "m2")
}

func TestAnAgentKilledAnywhereInARejoinFinishesIt(t *testing.T) {
	for range rounds(t) {
		r := newRejoining(t)
		for _, next := range r.turns {
			r.take(t, next, 2)
		}
		r.wantMembers(t, "m1", "m2")
		r.joiner.Want(t, "a", "new")
	}
}

func TestARejoinThatIsTakenBackAnywhereLeavesBothAsTheyWere(t *testing.T) {
	for range rounds(t) {
		r := newRejoining(t)
		// Up to the vote: from there on nothing is taken back.
		upTo := rand.IntN(7)
		for _, next := range r.turns[:upTo] {
			r.take(t, next, 0)
		}
		s, plan := r.hand(t, r.turns[upTo])
		s.runAndKill(t, *plan, rand.N(turnTime))
		r.undo(t, 2)
		r.wantMembers(t, "m1")
		r.keeper.Want(t, "a", "new")
		r.joiner.Want(t, "a", "old")
		if fenced, err := r.joiner.Driver().Fenced(); err != nil || fenced {
			t.Errorf("fenced %v, %v", fenced, err)
		}
	}
}

// TestOldDataThatWasFencedStaysFenced: an undo brings back what was, and that was a machine that must not start.
func TestOldDataThatWasFencedStaysFenced(t *testing.T) {
	r := newRejoining(t)
	d := r.joiner.Driver()
	if err := d.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, next := range r.turns[:7] {
		r.take(t, next, 1)
	}
	r.undo(t, 1)
	if fenced, err := d.Fenced(); err != nil || !fenced {
		t.Errorf("fenced %v, %v", fenced, err)
	}
	if running, err := d.Running(t.Context()); err != nil || running {
		t.Errorf("running %v, %v", running, err)
	}
	if _, err := os.Stat(filepath.Join(r.joiner.Data, "member", "snap", "db")); err != nil {
		t.Errorf("the old data is not back: %v", err)
	}
}
