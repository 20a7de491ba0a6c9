package repository

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Policy says how many backups to keep (requirement C5). A backup is all files of one run: on a node's own disk each
// node's files are a row of their own; in a repository that nodes share, the files of one run count as one.
type Policy struct {
	// Keep is the number of good recurring backups to keep. At least 1.
	Keep int
	// KeepManual, when positive, also prunes manual ones. 0: they are never pruned.
	KeepManual int
	// Base, when not empty, looks only at snapshots of exactly this base name.
	Base string
	// Node, when not empty, looks only at snapshots of exactly this node.
	Node string
	// PerNode counts each node's files on their own (a local directory); otherwise the files of one run count as one.
	PerNode bool
	// ClusterID is the owner: snapshots of another cluster are left alone.
	ClusterID string
	// Foreign also prunes recurring snapshots that k3s, rke2 or RKE made, by their exact names. Without it only what
	// Holdfast wrote is pruned.
	Foreign bool
	// ForeignCluster, when not empty, is the maker's own id of the cluster: foreign snapshots that tell another are left
	// alone.
	ForeignCluster string
	// Now is the present time. A snapshot that is dated later was named by a clock that went wrong: it is not newer
	// than those of today, and does not push them out. Zero: nothing is taken for that.
	Now time.Time
}

// ahead is how far the clocks of a cluster's machines may lie apart.
const ahead = 5 * time.Minute

// misdated says that a snapshot's time cannot be true.
func (p Policy) misdated(at time.Time) bool { return !p.Now.IsZero() && at.After(p.Now.Add(ahead)) }

// Safety and pre-change snapshots keep this many each.
const keepSpecial = 3

// Verdict is what a policy says of one snapshot.
type Verdict struct {
	Entry  Entry
	Delete bool
	// Reason is for people: "2nd newest of 5 kept", "manual: never pruned".
	Reason string
}

// Apply decides. It is pure, and gives one verdict per entry, in the same order. Its promises, whatever the entries:
//
//   - only a backup with at least Keep newer good ones of its own row is deleted, so the newest good one never is;
//   - what is not good never counts, so that a row of failures cannot push out the last good backup;
//   - manual snapshots survive unless KeepManual asks otherwise;
//   - suspect snapshots, another cluster's and foreign ones (unless Foreign) are not touched.
func (p Policy) Apply(entries []Entry) []Verdict {
	verdicts := make([]Verdict, len(entries))
	rows := map[row][]int{}
	for i, e := range entries {
		verdicts[i].Entry = e
		if reason := p.spares(e); reason != "" {
			verdicts[i].Reason = reason
			continue
		}
		key := p.rowOf(e)
		rows[key] = append(rows[key], i)
	}
	for key, members := range rows {
		p.thin(entries, members, p.keep(key.trigger), verdicts)
	}
	return verdicts
}

// row is a set of snapshots of which some number is kept. Two clusters never share one: the backups of one that has
// stopped would go as the other's come.
type row struct {
	trigger    snapshot.Trigger
	base, node string
	cluster    string
	foreign    bool
}

func (p Policy) rowOf(e Entry) row {
	key := row{trigger: e.Trigger, base: e.Base, cluster: e.Cluster, foreign: e.Manifest == nil}
	if e.Maker == MakerRKE {
		key.base = "" // each has a name of its own
	}
	if p.PerNode {
		key.node = e.Node
	}
	return key
}

func (p Policy) keep(t snapshot.Trigger) int {
	switch t {
	case snapshot.TriggerSafety, snapshot.TriggerPreChange:
		return keepSpecial
	case snapshot.TriggerManual:
		return p.KeepManual
	default:
		return max(p.Keep, 1)
	}
}

// spares returns why the policy does not look at a snapshot at all.
func (p Policy) spares(e Entry) string {
	switch {
	case p.Base != "" && e.Base != p.Base, p.Node != "" && e.Node != p.Node:
		return "not of the name that was asked for"
	case e.Manifest != nil && p.ClusterID != "" && e.Cluster != p.ClusterID:
		return "belongs to cluster " + e.Cluster
	case e.Manifest == nil && p.ForeignCluster != "" && e.Cluster != "" && e.Cluster != p.ForeignCluster:
		return "made for another cluster"
	case p.misdated(e.Created):
		return "dated in the future: left for a person to judge"
	case e.Trigger == snapshot.TriggerManual && p.KeepManual <= 0:
		return "manual: never pruned unless asked"
	case e.State == StateSuspect:
		return "suspect: left for a person to judge"
	case e.Manifest == nil && e.Maker == MakerHoldfast:
		return "without a valid manifest: left for a person to judge"
	case e.Manifest == nil && !p.Foreign:
		return fmt.Sprintf("made by %s: not pruned unless asked", e.Maker)
	case e.Manifest == nil && (e.Maker == MakerEtcdctl || e.Trigger != snapshot.TriggerRecurring):
		return "foreign, and its name does not say that it is a recurring one"
	case e.Maker == MakerRKE && e.Cluster == "":
		return "foreign, and its name does not say which cluster's it is"
	}
	return ""
}

// runOf names the backup that a file belongs to within its row.
func (p Policy) runOf(e Entry) string {
	if p.PerNode {
		return e.File
	}
	return e.Backup
}

// run is one backup within a row.
type run struct {
	members []int
	// ends is when its newest file was made, good when its newest good one was; zero when it has none.
	ends, good time.Time
}

// thin marks what a row has too much of. Files of one backup go together, or stay together; they go when enough other
// backups have a good file that is newer than all of theirs.
func (p Policy) thin(entries []Entry, members []int, keep int, verdicts []Verdict) {
	runs := map[string]*run{}
	for _, i := range members {
		id := p.runOf(entries[i])
		if runs[id] == nil {
			runs[id] = &run{}
		}
		runs[id].add(i, entries[i])
	}
	for _, r := range runs {
		newerGood := 0
		for _, other := range runs {
			if other.good.After(r.ends) {
				newerGood++
			}
		}
		del := newerGood >= keep
		for _, i := range r.members {
			verdicts[i].Delete = del
			verdicts[i].Reason = reasonFor(del, newerGood, keep)
		}
	}
}

// add counts a file in. A foreign snapshot has no manifest; Prune has checked those that it is going to count on.
func (r *run) add(i int, e Entry) {
	r.members = append(r.members, i)
	if e.Created.After(r.ends) {
		r.ends = e.Created
	}
	if e.State.Good() && e.Created.After(r.good) {
		r.good = e.Created
	}
}

func reasonFor(del bool, newerGood, keep int) string {
	if del {
		return fmt.Sprintf("%d newer good backups are kept", keep)
	}
	return fmt.Sprintf("kept: %d of %d", newerGood+1, keep)
}

// Deletions returns the entries that are to go, oldest first, so that a prune which is cut short has removed what was
// of least worth.
func Deletions(verdicts []Verdict) []Entry {
	var list []Entry
	for _, v := range verdicts {
		if v.Delete {
			list = append(list, v.Entry)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.File, b.File))
	})
	return list
}
