package repository

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

var epoch = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// entry makes a snapshot of our own, n minutes after the epoch.
func entry(n int, trigger snapshot.Trigger, node string, state State) Entry {
	created := epoch.Add(time.Duration(n) * time.Minute)
	name := snapshot.Name{Base: trigger.Base(), Node: node, Time: created}
	return Entry{
		File: name.String() + ".db", Info: blob.Info{}, Manifest: &snapshot.Manifest{ClusterID: "c-1"}, Cluster: "c-1", Maker: MakerHoldfast,
		Base: name.Base, Node: node, Created: created, Trigger: trigger, Backup: fmt.Sprint("run", n), State: state,
	}
}

func anyEntry(t *rapid.T, n int) Entry {
	trigger := rapid.SampledFrom(snapshot.Triggers).Draw(t, "trigger")
	node := rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node")
	state := rapid.SampledFrom([]State{StateRestored, StateChecked, StateComplete, StateUnverified, StateDamaged, StateSuspect}).Draw(t, "state")
	e := entry(n, trigger, node, state)
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		e.Manifest, e.Maker, e.State = nil, MakerK3s, StateUnverified
	case 1:
		e.Manifest.ClusterID, e.Cluster = "c-other", "c-other"
	case 2:
		e.Backup = "shared"
	}
	return e
}

func anyPolicy(t *rapid.T) Policy {
	return Policy{
		Keep: rapid.IntRange(0, 4).Draw(t, "keep"), KeepManual: rapid.IntRange(0, 2).Draw(t, "keepManual"),
		PerNode: rapid.Bool().Draw(t, "perNode"), Foreign: rapid.Bool().Draw(t, "foreign"), ClusterID: "c-1",
	}
}

// Any sequence of saves, failures and prunes: what must always be there is looked for after each prune.
func TestWhateverHappensTheNewestGoodAndEveryManualOneSurvive(t *testing.T) {
	sequences := 0
	defer func() { // for the soak, which counts what was done
		t.Attr("suite", "retention")
		t.Attr("rounds", strconv.Itoa(sequences))
	}()
	rapid.Check(t, func(t *rapid.T) {
		sequences++
		policy := anyPolicy(t)
		var there []Entry
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "action") > 0 {
				there = append(there, anyEntry(t, n))
				continue
			}
			before := slices.Clone(there)
			there = remaining(policy.Apply(there))
			checkInvariants(t, policy, before, there)
		}
	})
}

func remaining(verdicts []Verdict) []Entry {
	var left []Entry
	for _, v := range verdicts {
		if !v.Delete {
			left = append(left, v.Entry)
		}
	}
	return left
}

func checkInvariants(t *rapid.T, p Policy, before, after []Entry) {
	t.Helper()
	left := map[string]bool{}
	for _, e := range after {
		left[e.File] = true
	}
	for _, e := range before {
		if left[e.File] {
			continue
		}
		switch {
		case e.Trigger == snapshot.TriggerManual && p.KeepManual == 0:
			t.Fatalf("a manual snapshot was pruned: %s", e.File)
		case e.State == StateSuspect:
			t.Fatalf("a suspect snapshot was pruned: %s", e.File)
		case e.Manifest != nil && e.Manifest.ClusterID != "c-1":
			t.Fatalf("another cluster's snapshot was pruned: %s", e.File)
		case e.Manifest == nil && !p.Foreign:
			t.Fatalf("a foreign snapshot was pruned: %s", e.File)
		case !newerGoodOfSameRow(p, e, after):
			t.Fatalf("%s was pruned, and no newer good one of its row is left", e.File)
		}
	}
	for node, newest := range newestGood(before) {
		if !left[newest] {
			t.Fatalf("the newest good snapshot of %s was pruned: %s", node, newest)
		}
	}
}

func newerGoodOfSameRow(p Policy, gone Entry, left []Entry) bool {
	return slices.ContainsFunc(left, func(e Entry) bool {
		return e.State.Good() && !e.Created.Before(gone.Created) && e.Trigger == gone.Trigger && (!p.PerNode || e.Node == gone.Node)
	})
}

func newestGood(list []Entry) map[string]string {
	newest := map[string]Entry{}
	for _, e := range list {
		if best, ok := newest[""]; e.State.Good() && (!ok || e.Created.After(best.Created)) {
			newest[""] = e
		}
	}
	names := map[string]string{}
	for node, e := range newest {
		names[node] = e.File
	}
	return names
}

func TestRetentionCountsGoodBackupsOfEachRow(t *testing.T) {
	r, m, p, s := snapshot.TriggerRecurring, snapshot.TriggerManual, snapshot.TriggerPreChange, snapshot.TriggerSafety
	sameRun := func(n int, node string) Entry {
		e := entry(n, r, node, StateChecked)
		e.Backup = fmt.Sprint("run", n/10)
		return e
	}
	for _, c := range []struct {
		name    string
		policy  Policy
		entries []Entry
		deleted []int
	}{
		{"the newest stay", Policy{Keep: 2}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateChecked), entry(3, r, "n1", StateChecked)}, []int{0}},
		{"what is not good does not count", Policy{Keep: 1}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateDamaged), entry(3, r, "n1", StateDamaged)}, nil},
		{"a damaged one older than enough good ones goes", Policy{Keep: 1}, []Entry{entry(1, r, "n1", StateDamaged), entry(2, r, "n1", StateChecked)}, []int{0}},
		{"manual ones stay", Policy{Keep: 1}, []Entry{entry(1, m, "n1", StateChecked), entry(2, m, "n1", StateChecked)}, nil},
		{"manual ones go when asked", Policy{Keep: 1, KeepManual: 1}, []Entry{entry(1, m, "n1", StateChecked), entry(2, m, "n1", StateChecked)}, []int{0}},
		{"pre-change keeps three", Policy{Keep: 1}, []Entry{entry(1, p, "n1", StateChecked), entry(2, p, "n1", StateChecked), entry(3, p, "n1", StateChecked), entry(4, p, "n1", StateChecked)}, []int{0}},
		{"safety keeps three", Policy{Keep: 1}, []Entry{entry(1, s, "n1", StateChecked), entry(2, s, "n1", StateChecked), entry(3, s, "n1", StateChecked), entry(4, s, "n1", StateChecked)}, []int{0}},
		{"each node has its own row on disk", Policy{Keep: 1, PerNode: true}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n2", StateChecked)}, nil},
		{"the files of one run count as one in a bucket", Policy{Keep: 1}, []Entry{sameRun(1, "n1"), sameRun(2, "n2"), sameRun(11, "n1"), sameRun(12, "n2")}, []int{0, 1}},
		{"keep 0 means keep 1", Policy{}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateChecked)}, []int{0}},
		{"two clusters in one folder do not count for each other", Policy{Keep: 1}, []Entry{of("c-2", entry(1, r, "n1", StateChecked)), entry(2, r, "n1", StateChecked), entry(3, r, "n1", StateChecked)}, []int{1}},
		{"one from the future does not push out today's", Policy{Keep: 1, Now: epoch.Add(2 * time.Minute)}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateChecked), entry(999, r, "n1", StateChecked)}, []int{0}},
		{"clocks that differ a little are right", Policy{Keep: 1, Now: epoch.Add(2 * time.Minute)}, []Entry{entry(1, r, "n1", StateChecked), entry(4, r, "n1", StateChecked)}, []int{0}},
		{"two clusters of RKE do not count for each other", Policy{Keep: 1, Foreign: true}, []Entry{rke(1, "c-aaaaa"), rke(2, "c-bbbbb"), rke(3, "c-bbbbb")}, []int{1}},
		{"what RKE's rolling container wrote names no cluster", Policy{Keep: 1, Foreign: true}, []Entry{rke(1, ""), rke(2, ""), rke(3, "c-bbbbb")}, nil},
		{"only the node that was asked for", Policy{Keep: 1, Node: "n2", PerNode: true}, []Entry{entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateChecked)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var deleted []int
			for i, v := range c.policy.Apply(c.entries) {
				if v.Entry.File != c.entries[i].File {
					t.Fatalf("verdict %d is about %s", i, v.Entry.File)
				}
				if v.Reason == "" {
					t.Errorf("no reason for %s", v.Entry.File)
				}
				if v.Delete {
					deleted = append(deleted, i)
				}
			}
			if !slices.Equal(deleted, c.deleted) {
				t.Errorf("deleted %v, want %v", deleted, c.deleted)
			}
		})
	}
}

// of gives a snapshot of ours to another cluster.
func of(cluster string, e Entry) Entry {
	e.Manifest, e.Cluster = &snapshot.Manifest{ClusterID: cluster}, cluster
	return e
}

// rke is a recurring snapshot of RKE's that was found good.
func rke(n int, cluster string) Entry {
	at := epoch.Add(time.Duration(n) * time.Minute)
	file := at.Format(time.RFC3339) + "_etcd.zip"
	if cluster != "" {
		file = snapshot.RKEName{ClusterID: cluster, Recurring: true, Slot: at}.File(false)
	}
	e := Entry{File: file, Encoding: snapshot.EncodingRKE}
	e.guess()
	e.Backup, e.State = e.File, StateComplete
	return e
}

func TestDeletionsBeginWithTheOldest(t *testing.T) {
	r := snapshot.TriggerRecurring
	list := Deletions(Policy{Keep: 1}.Apply([]Entry{
		entry(3, r, "n1", StateChecked), entry(1, r, "n1", StateChecked), entry(2, r, "n1", StateChecked),
	}))
	if len(list) != 2 || !list[0].Created.Before(list[1].Created) {
		t.Errorf("got %v", list)
	}
}

func TestForeignFilesOfOneRunAreOneBackup(t *testing.T) {
	foreign := func(base, node string, at time.Time) Entry {
		return Entry{File: base + node + fmt.Sprint(at.Unix()), Base: base, Node: node, Created: at, Maker: MakerK3s}
	}
	list := []Entry{
		foreign("etcd-snapshot", "n1", epoch), foreign("etcd-snapshot", "n2", epoch.Add(3*time.Second)),
		foreign("etcd-snapshot", "n3", epoch.Add(4*time.Minute)), foreign("etcd-snapshot", "n1", epoch.Add(time.Hour)),
		foreign("on-demand", "n1", epoch), foreign("on-demand", "n1", epoch.Add(time.Minute)),
	}
	other := foreign("etcd-snapshot", "n4", epoch.Add(2*time.Second))
	other.Cluster = "another"
	list = append(list, other)
	groupForeign(list)
	if list[6].Backup == list[0].Backup {
		t.Error("the snapshots of two clusters are one backup")
	}
	if list[0].Backup != list[1].Backup || list[1].Backup != list[2].Backup {
		t.Errorf("one run became several backups: %q %q %q", list[0].Backup, list[1].Backup, list[2].Backup)
	}
	if list[3].Backup == list[0].Backup {
		t.Error("a run an hour later is in the same backup")
	}
	if list[4].Backup == list[5].Backup || list[4].Backup == list[0].Backup {
		t.Error("two snapshots of one node, or of two names, are one backup")
	}
}

func TestForeignFilesOfAnotherClusterAreLeftAlone(t *testing.T) {
	foreign := func(cluster string, at time.Duration) Entry {
		when := epoch.Add(at)
		return Entry{
			File: cluster + fmt.Sprint(when.Unix()), Base: "etcd-snapshot", Node: "n1", Created: when, Maker: MakerK3s, Cluster: cluster,
			Trigger: snapshot.TriggerRecurring, State: StateChecked, Backup: cluster + fmt.Sprint(when.Unix()),
		}
	}
	list := []Entry{foreign("ours", 0), foreign("ours", time.Hour), foreign("theirs", 0), foreign("theirs", time.Hour), foreign("", 0), foreign("", time.Hour)}
	var gone []string
	for _, e := range Deletions(Policy{Keep: 1, Foreign: true, ForeignCluster: "ours"}.Apply(list)) {
		gone = append(gone, e.Cluster)
	}
	slices.Sort(gone)
	if !slices.Equal(gone, []string{"", "ours"}) {
		t.Errorf("those of %q are deleted", gone)
	}
}
