package operation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// liveJoinWorld is liveWorld with machines that join one another: c joined a, or whom the test says.
func liveJoinWorld(t interface{ Fatalf(string, ...any) }, stale bool, joined string) *world {
	w := liveWorld(t, stale)
	w.cluster.Spec.Distro = v1alpha1.DistroRKE2
	w.joining = &joining{live: true}
	for name, n := range w.nodes {
		n.Spec.Roles = all
		n.Status.Distribution = &v1alpha1.DistributionStatus{NodeName: name, JoinURL: urlOf(name), Joins: urlOf("a"), Datastore: v1alpha1.DatastoreEtcd}
		if name == "a" {
			n.Status.Distribution.Joins = ""
		}
		n.joins = n.Status.Distribution.Joins
	}
	w.nodes["c"].Status.Distribution.Joins, w.nodes["c"].joins = joined, joined
	return w
}

func TestAMemberThatJoinsByItselfIsReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		stale  bool
		joined string
		want   []string
	}{
		"of before a restore": {true, urlOf("a"), []string{"c Fence", "c StopDistro", "c MoveAside", "a AdmitMember", "a ForgetNodes", "c StartDistro", "c WaitHealthy", "c Commit"}},
		"lost, it was the first": {false, "", []string{
			"c Fence", "c StopDistro", "c MoveAside", "a AdmitMember", "c PointServer", "a ForgetNodes", "c StartDistro", "c WaitHealthy", "c Commit",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := liveJoinWorld(t, test.stale, test.joined)
			r := from(replaceC)
			approveReplacement(t, w, r)
			replaces(w, r, time.Hour)
			c := w.nodes["c"]
			if r.Status.Outcome != v1alpha1.OutcomeRestored || c.data != live || !c.running || c.fenced || c.epoch != 1 || c.joins != urlOf("a") {
				t.Errorf("%s, %s: %s; c %+v", r.Status.Phase, r.Status.Outcome, r.Status.Message, c.disk)
			}
			i := slices.IndexFunc(w.sequence, func(s string) bool { return strings.HasSuffix(s, "Fence") })
			if diff := cmp.Diff(test.want, w.sequence[max(i, 0):]); diff != "" {
				t.Error(diff)
			}
			if len(w.members.table) != 3 || w.members.table["c"].machine != "" {
				t.Errorf("members %v", w.members.table)
			}
		})
	}
}

// TestAReplacementThatHasStartedIsNotTakenBack: it may have a vote by then, and the others may need it.
func TestAReplacementThatHasStartedIsNotTakenBack(t *testing.T) {
	w := liveJoinWorld(t, false, urlOf("a"))
	r := from(replaceC)
	approveReplacement(t, w, r)
	w.nodes["c"].do[step.WaitHealthy] = func() (any, error) { return nil, errModel }
	replaces(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeKeptNew || !slices.Equal(r.Status.RemainingSteps, []string{"healthy-0a1b2c3d"}) {
		t.Fatalf("%s, remaining %v: %s", r.Status.Outcome, r.Status.RemainingSteps, r.Status.Message)
	}
	w.nodes["c"].do = map[step.Kind]func() (any, error){}
	r.Spec.RetryFrom = r.Status.RemainingSteps[0]
	replaces(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Errorf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
}

// TestASurvivorIsTheInitMachine: what it holds is saved while it still runs, and restored on it.
func TestASurvivorIsTheInitMachine(t *testing.T) {
	w := joinWorld(t)
	for _, n := range w.nodes {
		n.healthy(false)
	}
	r := from(v1alpha1.RestoreSource{Survivor: "c"})
	got := served(t, w, r)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(r.Status.Message, "restored what c held") || r.Status.Plan.InitMachine != "c" {
		t.Fatalf("%s: %s", r.Status.Phase, r.Status.Message)
	}
	if set := w.handed["c "+uid+" safety-0a1b2c3d"]; !strings.Contains(set, `"salvage":true`) {
		t.Errorf("it was saved with %s", set)
	}
	if i := slices.Index(got, "c RestoreEtcd"); i < 0 || got[i+1] != "c StartDistro" {
		t.Errorf("%v", got)
	}
}

// TestMembersAreKnownByTheirNodes: a machine that has lost all cannot tell which member it was.
func TestMembersAreKnownByTheirNodes(t *testing.T) {
	for member, want := range map[string]bool{"n1-0a1b2c3d": true, "n1": false, "n1-0a1b2c3": false, "n1-node-0a1b2c3d": false, "n11-0a1b2c3d": false, "-0a1b2c3d": false} {
		if got := namedAfter(member, "n1"); got != want {
			t.Errorf("%s: %v", member, got)
		}
	}
	if namedAfter("-0a1b2c3d", "") {
		t.Error("a machine without a node is no member")
	}
}
