package operation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

func TestTheVerdictSaysWhatTheClusterNeeds(t *testing.T) {
	for name, test := range map[string]struct {
		down, quorumless []string
		want             v1alpha1.Verdict
		says             string
		candidates       []string
	}{
		"all well":            {nil, nil, v1alpha1.VerdictNothing, "healthy on all machines", nil},
		"one lost":            {[]string{"c"}, nil, v1alpha1.VerdictReplace, "a majority is healthy (a, b)", []string{"c"}},
		"quorum lost":         {[]string{"a", "c"}, []string{"b"}, v1alpha1.VerdictReset, "the member on b still has its data", []string{"b"}},
		"two survive without": {[]string{"a"}, []string{"b", "c"}, v1alpha1.VerdictReset, "source.survivor c", []string{"c"}},
		"all lost":            {[]string{"a", "b", "c"}, nil, v1alpha1.VerdictRestore, "no member runs, and from none of them can anything be kept before one does", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			w.nodes["c"].Status.Etcd.RaftIndex = 6001
			for _, m := range test.down {
				w.nodes[m].down = true
			}
			for _, m := range test.quorumless {
				w.nodes[m].healthy(false)
			}
			r := from(snap)
			restores(w, r, time.Minute)
			if p := r.Status.Plan; p.Verdict != test.want || !strings.Contains(p.Reason, test.says) {
				t.Errorf("%s: %s", p.Verdict, p.Reason)
			} else if diff := cmp.Diff(test.candidates, p.Candidates); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shelf is a catalogue of snapshots in several states.
func shelf(w *world) {
	add := func(name string, age time.Duration, state v1alpha1.SnapshotState, machines ...string) {
		s := stored(name, machines...)
		s.Spec.Created = metav1.NewTime(w.now.Add(-age))
		s.Status.State, s.Status.Available = state, int32(len(machines))
		for i := range s.Status.Copies {
			s.Status.Copies[i].State = state
		}
		w.catalog = append(w.catalog, s)
	}
	w.catalog = nil
	add("newest", 5*time.Minute, v1alpha1.StateUnverified, "a")
	add("damaged", 10*time.Minute, v1alpha1.StateDamaged, "a")
	add("restored", 20*time.Minute, v1alpha1.StateRestored, "b", "s3")
	add("proven", 40*time.Minute, v1alpha1.StateProven, "c", "s3")
	add("old", 3*time.Hour, v1alpha1.StateChecked, "s3")
}

func TestASourceMeansOneCopy(t *testing.T) {
	at := func(w *world, ago time.Duration) *metav1.Time { v := metav1.NewTime(w.now.Add(-ago)); return &v }
	for name, test := range map[string]struct {
		source func(*world) v1alpha1.RestoreSource
		change func(*world, *v1alpha1.EtcdSnapshotRestore)
		want   string // location and machine, or what the failed check says
	}{
		"by name, on a machine first": {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{Snapshot: "restored"} }, nil, "/snapshots/restored b"},
		"its machine is down, S3 has it": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{Snapshot: "restored"} },
			func(w *world, r *v1alpha1.EtcdSnapshotRestore) {
				w.nodes["b"].down, r.Spec.ConfirmPoweredOff = true, []string{"b"}
			}, "s3://b/restored ",
		},
		"unknown":       {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{Snapshot: "x"} }, nil, "there is no EtcdSnapshot x"},
		"damaged":       {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{Snapshot: "damaged"} }, nil, "no copy that can be reached: /snapshots/damaged: damaged"},
		"latest proven": {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{LatestProven: true} }, nil, "/snapshots/proven c"},
		"the newest proven one is out of reach": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{LatestProven: true} },
			func(w *world, r *v1alpha1.EtcdSnapshotRestore) {
				older := stored("older", "a")
				older.Spec.Created, older.Status.State, older.Status.Available = metav1.NewTime(w.now.Add(-time.Hour)), v1alpha1.StateProven, 1
				w.catalog[3].Status.Copies = w.catalog[3].Status.Copies[:1] // on c alone
				w.catalog = append(w.catalog, older)
				w.nodes["c"].down, r.Spec.ConfirmPoweredOff = true, []string{"c"}
			}, "/snapshots/older a",
		},
		"all that are proven or restored are out of reach": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{LatestProven: true} },
			func(w *world, r *v1alpha1.EtcdSnapshotRestore) {
				w.catalog = w.catalog[3:4]
				w.catalog[0].Status.Copies = w.catalog[0].Status.Copies[:1]
				w.nodes["c"].down, r.Spec.ConfirmPoweredOff = true, []string{"c"}
			}, "proven.db has no copy that can be reached: /snapshots/proven: c: it has not been heard of",
		},
		"none proven": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{LatestProven: true} },
			func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.catalog = append(w.catalog[:3:3], w.catalog[4:]...) }, "/snapshots/restored b",
		},
		"at a moment":                     {func(w *world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{At: at(w, time.Hour)} }, nil, "s3://b/old "},
		"at, unverified ones don't count": {func(w *world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{At: at(w, 0)} }, nil, "/snapshots/restored b"},
		"before all":                      {func(w *world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{At: at(w, 9*time.Hour)} }, nil, "no good snapshot is as old as"},
		"a file":                          {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{File: "proven"} }, nil, "/snapshots/proven c"},
		"a file nobody holds":             {func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{File: "/root/x.db"} }, nil, "name the machine that holds it as initMachine"},
		"a file on a machine": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{File: "/root/x.db"} },
			func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.InitMachine = "a" }, "/root/x.db a",
		},
		"an object": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{S3URI: "s3://b/old"} },
			func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.cluster.Spec.Etcd.S3 = &v1alpha1.S3{Bucket: "b"} }, "s3://b/old ",
		},
		"an object elsewhere": {
			func(*world) v1alpha1.RestoreSource { return v1alpha1.RestoreSource{S3URI: "s3://bb/old"} },
			func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.cluster.Spec.Etcd.S3 = &v1alpha1.S3{Bucket: "b"} }, "does not lie in the cluster's S3 folder",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := restoreWorld(t)
			shelf(w)
			r := from(test.source(w))
			if test.change != nil {
				test.change(w, r)
			}
			restores(w, r, time.Minute)
			got := ""
			if s := r.Status.Plan.Snapshot; s != nil {
				got = s.Location + " " + s.Machine
			}
			for _, c := range r.Status.Preflight {
				if c.Outcome == checkFailed {
					got += c.Message
				}
			}
			if got != test.want && (!strings.Contains(test.want, " ") || !strings.Contains(got, test.want)) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestMachinesThatDoNotAnswerMustBeAccountedFor(t *testing.T) {
	w := restoreWorld(t)
	w.nodes["a"].down, w.nodes["c"].down = true, true
	w.nodes["a"].running, w.nodes["c"].running = false, false
	w.nodes["b"].healthy(false)
	r := from(snap)
	restores(w, r, time.Minute)
	if !strings.Contains(r.Status.Message, "AgentAnswers on a: it has not been heard of") || !strings.Contains(r.Status.Message, "confirmPoweredOff") {
		t.Fatal(r.Status.Message)
	}
	r.Spec.ConfirmPoweredOff = []string{"a", "c"}
	w.nodes["a"].absent, w.nodes["c"].absent = true, true
	approve(t, w, r)
	if text := strings.Join(r.Status.Plan.Warnings, "\n"); !strings.Contains(text, "split brain: a, c are a majority of the old cluster") {
		t.Errorf("warnings: %s", text)
	}
	delete(w.nodes["b"].do, step.WaitHealthy)
	w.alone = true
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(w.nodes["b"].data, "of member-b=https://b:2380 ") {
		t.Errorf("%s: %s, %q", r.Status.Phase, r.Status.Message, w.nodes["b"].data)
	}
	if w.nodes["a"].Plan.Spec.Operation != nil || w.nodes["a"].epoch != 0 {
		t.Errorf("a took part: %+v", w.nodes["a"].disk)
	}
}

func TestAnExcludedMachineIsStoppedAndHasNoPart(t *testing.T) {
	w := restoreWorld(t)
	r := from(snap)
	r.Spec.ExcludeMachines = []string{"a"}
	approve(t, w, r)
	restores(w, r, time.Hour)
	a := w.nodes["a"]
	if r.Status.Outcome != v1alpha1.OutcomeRestored || a.running || !a.fenced || a.data != "" || a.aside != "old" || a.epoch != 1 {
		t.Errorf("%s: %s; a is %+v", r.Status.Phase, r.Status.Message, a.disk)
	}
	if !strings.Contains(w.nodes["b"].data, "of member-b=https://b:2380,member-c=https://c:2380 ") {
		t.Errorf("b holds %q", w.nodes["b"].data)
	}
}

// TestASurvivorIsWhatAllAreRestoredFrom: what it holds is saved without quorum, and from its disk where it gives no answer.
func TestASurvivorIsWhatAllAreRestoredFrom(t *testing.T) {
	w := restoreWorld(t)
	for _, n := range w.nodes {
		n.healthy(false)
	}
	w.nodes["b"].Status.Etcd.Offline = true
	r := from(v1alpha1.RestoreSource{Survivor: "b"})
	approve(t, w, r)
	if !slices.ContainsFunc(r.Status.Preflight, func(c v1alpha1.PreflightCheck) bool {
		return c.Check == "Survivor" && strings.Contains(c.Message, "on its disk there is data up to revision 5000")
	}) {
		t.Errorf("%+v", r.Status.Preflight)
	}
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(r.Status.Message, "restored what b held") {
		t.Fatalf("%s: %s", r.Status.Phase, r.Status.Message)
	}
	if set := w.handed["b "+uid+" safety-0a1b2c3d"]; !strings.Contains(set, `"salvage":true`) {
		t.Errorf("it was saved with %s", set)
	}
	if set := w.handed["a "+uid+" fetch-0a1b2c3d"]; !strings.Contains(set, "/var/lib/holdfast/safety-b-") || !strings.Contains(set, "https://b:9443/x") {
		t.Errorf("a fetched with %s", set)
	}
}

// TestNewMachinesAreRestoredAsTheirUnitsAreSetUp: all members were lost, and only S3 has a snapshot.
func TestNewMachinesAreRestoredAsTheirUnitsAreSetUp(t *testing.T) {
	w := restoreWorld(t)
	shelf(w)
	for name, n := range w.nodes {
		n.Status.Etcd, n.data, n.running = nil, "", false
		n.healthy(false)
		n.Status.EtcdConfig = &v1alpha1.EtcdMemberConfig{Name: "new-" + name, PeerURLs: []string{"http://10.0.0." + name + ":2380"}}
	}
	r := from(v1alpha1.RestoreSource{Snapshot: "old"})
	approve(t, w, r)
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored || !strings.Contains(w.nodes["a"].data, "new-b=http://10.0.0.b:2380") {
		t.Errorf("%s: %s: %q", r.Status.Phase, r.Status.Message, w.nodes["a"].data)
	}
	w = restoreWorld(t)
	w.nodes["b"].Status.EtcdConfig = &v1alpha1.EtcdMemberConfig{Name: "member-a", PeerURLs: []string{"https://a:2380"}}
	w.nodes["b"].Status.Etcd = nil
	r = from(snap)
	restores(w, r, time.Minute)
	if !strings.Contains(r.Status.Message, "give each member its own name and peer URLs") {
		t.Error(r.Status.Message)
	}
}
