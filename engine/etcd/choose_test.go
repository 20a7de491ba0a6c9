package etcd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

const (
	testTerm  = 7
	testIndex = 100_000
)

// healthy is a member that has applied everything but behind entries. Member 1 leads.
func healthy(id, behind uint64) Member {
	return Member{
		ID: id, Name: fmt.Sprintf("m%d", id), Endpoint: fmt.Sprintf("https://10.0.0.%d:2379", id),
		Status: &Status{Leader: 1, RaftTerm: testTerm, RaftIndex: testIndex, RaftApplied: testIndex - behind},
	}
}

// with returns a changed copy.
func with(m Member, change func(*Member)) Member {
	if m.Status != nil {
		status := *m.Status
		m.Status = &status
	}
	change(&m)
	return m
}

// clusterOf does what Inspect does once the answers are in.
func clusterOf(alarms []Alarm, members ...Member) Cluster {
	c := Cluster{ID: 1, Members: members, Alarms: alarms}
	c.elect()
	return c
}

// conditions are all the ways in which a member can be, with the reason for skipping it.
func conditions() map[string]struct {
	change func(*Member)
	reason string
	silent bool // it can't be saved from even by hand
} {
	type condition = struct {
		change func(*Member)
		reason string
		silent bool
	}
	return map[string]condition{
		"healthy":       {func(*Member) {}, "", false},
		"at the limit":  {func(m *Member) { m.Status.RaftApplied = testIndex - DefaultMaxLag }, "", false},
		"lagging":       {func(m *Member) { m.Status.RaftApplied = testIndex - 5001 }, "it lags 5001 raft entries behind, more than 5000", false},
		"learner":       {func(m *Member) { m.Learner = true }, "it is a learner", false},
		"not asked":     {func(m *Member) { m.Endpoint, m.Status = "", nil }, "no endpoint leads to it", true},
		"down":          {func(m *Member) { m.Status, m.Err = nil, errors.New("connection refused") }, "it does not answer: connection refused", true},
		"no leader":     {func(m *Member) { m.Status.Leader, m.ReadErr = 0, errors.New("no leader") }, "it has no leader", false},
		"no reads":      {func(m *Member) { m.ReadErr = errors.New("too slow") }, "it serves no linearizable reads: too slow", false},
		"older term":    {func(m *Member) { m.Status.RaftTerm-- }, "it is in raft term 6, the leader in 7", false},
		"server errors": {func(m *Member) { m.Status.Errors = []string{"a", "b"} }, "it reports a, b", false},
		"silent learner": {func(m *Member) {
			m.Learner, m.Status, m.Err = true, nil, errors.New("connection refused")
		}, "it is a learner", true},
	}
}

func TestEachUnfitMemberIsSkippedForItsOwnReason(t *testing.T) {
	for name, condition := range conditions() {
		c := clusterOf(nil, healthy(1, 0), healthy(2, 0), with(healthy(3, 0), condition.change))
		choice, err := Choose(c, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		for _, s := range choice.Skipped {
			got += s.Member.Name + " " + s.Reason
		}
		want := ""
		if condition.reason != "" {
			want = "m3 " + condition.reason
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestFollowersComeBeforeTheLeaderAndTheMostUpToDateFirst(t *testing.T) {
	c := clusterOf(nil, healthy(1, 0), healthy(2, 300), healthy(3, 20), healthy(4, 5))
	checkOrder(t, c, Options{}, "m4 m3 m2 m1")
}

func TestTheLeaderServesWhenNobodyElseCan(t *testing.T) {
	checkOrder(t, clusterOf(nil, healthy(1, 0)), Options{}, "m1")
	down := with(healthy(2, 0), conditions()["down"].change)
	checkOrder(t, clusterOf(nil, healthy(1, 0), down), Options{}, "m1")
}

func TestTheLagLimitCanBeChanged(t *testing.T) {
	c := clusterOf(nil, healthy(1, 0), healthy(2, 11), healthy(3, 10))
	checkOrder(t, c, Options{MaxLag: 10}, "m3 m1")
}

func TestAMemberThatACorruptAlarmNamesComesLast(t *testing.T) {
	alarms := []Alarm{{Member: 2, Kind: Corrupt}}
	c := clusterOf(alarms, healthy(1, 0), healthy(2, 0), healthy(3, 5))
	choice := checkOrder(t, c, Options{}, "m3 m1 m2")
	if !choice.Flags.Suspect || choice.Flags.NoSpace {
		t.Errorf("flags %+v", choice.Flags)
	}
	c.Alarms = []Alarm{{Member: 0, Kind: Corrupt}, {Member: 3, Kind: NoSpace}}
	choice = checkOrder(t, c, Options{}, "m2 m3 m1")
	if !choice.Flags.Suspect || !choice.Flags.NoSpace {
		t.Errorf("flags %+v", choice.Flags)
	}
}

func TestSalvageTakesTheMostThatWasCommittedAndALearnerLast(t *testing.T) {
	noLeader := conditions()["no leader"].change
	c := clusterOf(nil,
		with(healthy(1, 50), noLeader),
		with(healthy(2, 10), noLeader),
		with(healthy(3, 0), func(m *Member) { m.Learner = true }),
		with(healthy(4, 0), conditions()["down"].change),
	)
	if _, err := Choose(c, Options{}); problem.KindOf(err) != problem.Refused {
		t.Fatalf("without salvage: %v", err)
	}
	choice := checkOrder(t, c, Options{Salvage: true}, "m2 m1 m3")
	if !choice.Flags.Salvaged {
		t.Error("the choice is not marked")
	}
	if len(choice.Skipped) != 1 || choice.Skipped[0].Member.Name != "m4" {
		t.Errorf("skipped %+v", choice.Skipped)
	}
}

func TestSalvageChangesNothingWhileAHealthyMemberIsThere(t *testing.T) {
	c := clusterOf(nil, healthy(1, 0), with(healthy(2, 0), conditions()["lagging"].change))
	choice := checkOrder(t, c, Options{Salvage: true}, "m1")
	if choice.Flags.Salvaged {
		t.Error("it is marked as salvaged")
	}
}

func checkOrder(t *testing.T, c Cluster, o Options, want string) Choice {
	t.Helper()
	choice, err := Choose(c, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range choice.Candidates {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	return choice
}

func TestARefusalSaysWhatIsMissingAndWhatToDo(t *testing.T) {
	state := conditions()
	const salvage = "bring the members back, or save from what is left with --salvage"
	for _, c := range []struct {
		name      string
		members   []Member
		why, next string
	}{
		{"nobody", nil, "the cluster has no members", salvage},
		{
			"no quorum",
			[]Member{with(healthy(1, 0), state["no leader"].change), with(healthy(2, 0), state["down"].change)},
			"the cluster has no quorum (m1: it has no leader; m2: it does not answer: connection refused)", salvage,
		},
		{
			"no leader",
			[]Member{with(healthy(1, 0), func(m *Member) { m.Status.Leader = 0 })},
			"the cluster has no leader (m1: it has no leader)", salvage,
		},
		{
			"only a lagging one asked",
			[]Member{with(healthy(1, 0), state["not asked"].change), with(healthy(2, 0), state["server errors"].change)},
			"no member is healthy (m1: no endpoint leads to it; m2: it reports a, b)",
			"ask the other members too: name their endpoints with --endpoints, or use --cluster",
		},
	} {
		_, err := Choose(clusterOf(nil, c.members...), Options{})
		p, ok := err.(*problem.Error)
		if !ok || p.Kind != problem.Refused {
			t.Errorf("%s: got %v", c.name, err)
			continue
		}
		if diff := cmp.Diff([]string{c.why, c.next}, []string{p.Why, p.Next}); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// Three members in every combination of conditions, with every combination of alarms, with and without salvage.
func TestEveryCombinationOfConditionsKeepsTheRules(t *testing.T) {
	all := conditions()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	alarmSets := [][]Alarm{nil, {{2, NoSpace}}, {{1, Corrupt}}, {{0, Corrupt}}, {{2, Corrupt}, {3, NoSpace}}}
	for _, a := range names {
		for _, b := range names {
			for _, c := range names {
				members := []Member{
					with(healthy(1, 0), all[a].change), with(healthy(2, 2), all[b].change), with(healthy(3, 1), all[c].change),
				}
				fit := all[a].reason == "" || all[b].reason == "" || all[c].reason == ""
				loud := !all[a].silent || !all[b].silent || !all[c].silent
				for i, alarms := range alarmSets {
					for _, salvage := range []bool{false, true} {
						what := fmt.Sprintf("%s, %s, %s, alarms %d, salvage %v", a, b, c, i, salvage)
						cluster := clusterOf(alarms, members...)
						// The term of a cluster in which only an older member reads is the older one.
						if cluster.Term == testTerm-1 {
							continue
						}
						checkRules(t, what, cluster, Options{Salvage: salvage}, fit, loud)
					}
				}
			}
		}
	}
}

// checkRules holds for any cluster. fit: somebody is healthy; loud: somebody answers.
func checkRules(t rapid.TB, what string, c Cluster, o Options, fit, loud bool) {
	t.Helper()
	choice, err := Choose(c, o)
	if wantErr := !fit && (!o.Salvage || !loud); (err != nil) != wantErr {
		t.Fatalf("%s: error %v", what, err)
	}
	if err != nil && problem.KindOf(err) != problem.Refused {
		t.Fatalf("%s: kind of %v", what, err)
	}
	if len(choice.Candidates)+len(choice.Skipped) != len(c.Members) || (err == nil) != (len(choice.Candidates) > 0) {
		t.Fatalf("%s: %d candidates, %d skipped", what, len(choice.Candidates), len(choice.Skipped))
	}
	want := Flags{NoSpace: c.HasAlarm(NoSpace), Suspect: c.HasAlarm(Corrupt), Salvaged: !fit && err == nil}
	if choice.Flags != want {
		t.Fatalf("%s: flags %+v, want %+v", what, choice.Flags, want)
	}
	for i, m := range choice.Candidates {
		if m.Status == nil || (m.Learner && !choice.Flags.Salvaged) {
			t.Fatalf("%s: candidate %s", what, m.Name)
		}
		if i > 0 && !ordered(&c, choice.Flags.Salvaged, choice.Candidates[i-1], m) {
			t.Fatalf("%s: %s stands before %s", what, choice.Candidates[i-1].Name, m.Name)
		}
	}
}

// ordered says the rules of the order in another way than Choose does.
func ordered(c *Cluster, salvaged bool, a, b Member) bool {
	rank := func(m Member) (r int) {
		if salvaged && m.Learner {
			r += 4
		}
		if slices.Contains(c.Alarms, Alarm{m.ID, Corrupt}) {
			r += 2
		}
		if !salvaged && m.ID == c.Leader {
			r++
		}
		return r
	}
	if rank(a) != rank(b) {
		return rank(a) < rank(b)
	}
	return a.Status.RaftApplied >= b.Status.RaftApplied
}
