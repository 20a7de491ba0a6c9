package operation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

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
		if got := step.NamedAfter(member, "n1"); got != want {
			t.Errorf("%s: %v", member, got)
		}
	}
	if step.NamedAfter("-0a1b2c3d", "") {
		t.Error("a machine without a node is no member")
	}
}

// TestAMachineThatMissedARestoreIsMadeLikeTheOthers: whatever it had installed and configured, it must not bring to a cluster
// that has given that up.
func TestAMachineThatMissedARestoreIsMadeLikeTheOthers(t *testing.T) {
	const now, had = "v1.35.2+k3s1", "v1.36.1+k3s1"
	config := &runtime.RawExtension{Raw: []byte(`{"node-label":"rack=c"}`)}
	last := func(scope v1alpha1.RestoreConfigScope) *v1alpha1.EtcdSnapshotRestore {
		r := from(snap)
		r.Name, r.Spec.RestoreRKEConfig = "restore-1", scope
		off := v1alpha1.PlannedMachine{Machine: "c", Action: v1alpha1.ActionPoweredOff}
		if scope == v1alpha1.RestoreAll {
			off.Config = config
		}
		r.Status.Plan = &v1alpha1.RestorePlan{RestoreEpoch: 1, Machines: []v1alpha1.PlannedMachine{off}}
		return r
	}
	for name, test := range map[string]struct {
		last    *v1alpha1.EtcdSnapshotRestore
		stale   bool
		want    local
		changes int
	}{
		"version and configuration":       {last(v1alpha1.RestoreAll), true, local{urlOf("a"), now, string(config.Raw)}, 2},
		"the version":                     {last(v1alpha1.RestoreKubernetesVersion), true, local{urlOf("a"), now, ""}, 1},
		"neither":                         {last(v1alpha1.RestoreNone), true, local{urlOf("a"), had, ""}, 0},
		"nobody knows the restore":        {nil, true, local{urlOf("a"), now, ""}, 1},
		"it was there, and lost its data": {last(v1alpha1.RestoreAll), false, local{urlOf("a"), had, ""}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := liveJoinWorld(t, test.stale, urlOf("a"))
			w.last = test.last
			for name, n := range w.nodes {
				n.Status.DistroVersion = now
				if name == "c" {
					n.Status.DistroVersion = had
				} else {
					n.Status.RestoreEpoch = w.cluster.Status.RestoreEpoch
				}
				n.version = n.Status.DistroVersion
			}
			if !test.stale {
				w.nodes["c"].Status.RestoreEpoch = w.cluster.Status.RestoreEpoch
			}
			r := from(replaceC)
			approveReplacement(t, w, r)
			replaces(w, r, time.Hour)
			if r.Status.Outcome != v1alpha1.OutcomeRestored || len(r.Status.Plan.Changes) != test.changes {
				t.Errorf("%s: %s; changes %q", r.Status.Outcome, r.Status.Message, r.Status.Plan.Changes)
			}
			if diff := cmp.Diff(test.want, w.nodes["c"].local, cmp.AllowUnexported(local{})); diff != "" {
				t.Error(diff)
			}
			if slices.ContainsFunc(w.sequence, func(s string) bool { return s == "a InstallDistro" || s == "b InstallDistro" }) {
				t.Errorf("%v", w.sequence)
			}
		})
	}
}

func TestTheRestoreThatMadeTheClusterWhatItIsIsFound(t *testing.T) {
	at := func(name string, epoch int64, committed bool, replace string) v1alpha1.EtcdSnapshotRestore {
		r := *from(snap)
		r.Name, r.Status.Plan = name, &v1alpha1.RestorePlan{RestoreEpoch: epoch, Replace: replace}
		if committed {
			r.Status.Committed = now(time.Unix(1, 0))
		}
		return r
	}
	all := []v1alpha1.EtcdSnapshotRestore{
		*from(snap), at("earlier", 1, true, ""), at("rolled-back", 2, false, ""), at("rejoin-c-1", 2, true, "c"), at("last", 2, true, ""), at("planned", 3, false, ""),
	}
	for epoch, want := range map[int64]string{0: "", 1: "earlier", 2: "last", 3: ""} {
		c := &v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{RestoreEpoch: epoch}}
		got := ""
		if r := LastRestore(c, all); r != nil {
			got = r.Name
		}
		if got != want {
			t.Errorf("epoch %d: %s", epoch, got)
		}
	}
}
