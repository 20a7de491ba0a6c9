package controller

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// found is a copy, and the machine whose inventory it stands in; none for one that the manager saw in S3.
type found struct {
	machine string
	v1alpha1.SnapshotFile
}

// compile makes snapshots of copies, by the names of their objects.
func compile(copies []found) map[string]*v1alpha1.EtcdSnapshot {
	// In a fixed order, so that the same copies give the same objects: what says most about a snapshot comes first.
	slices.SortFunc(copies, func(a, b found) int {
		return cmp.Or(cmp.Compare(said(b), said(a)), cmp.Compare(a.Location, b.Location), cmp.Compare(a.machine, b.machine))
	})
	all := map[string]*v1alpha1.EtcdSnapshot{}
	for _, c := range copies {
		name := v1alpha1.SnapshotObjectName(c.File)
		s := all[name]
		if s == nil {
			stem, _ := snapshot.SplitExtension(c.File)
			s = &v1alpha1.EtcdSnapshot{Spec: v1alpha1.EtcdSnapshotSpec{File: stem, SnapshotFacts: c.SnapshotFacts}}
			s.Name = name
			all[name] = s
		}
		add(s, c)
	}
	group(all)
	for _, s := range all {
		judge(s)
	}
	return all
}

func said(f found) (n int) {
	for _, fact := range []bool{f.Revision > 0, f.Backup != "", f.Trigger != "", f.Node != "", f.EtcdVersion != ""} {
		if fact {
			n++
		}
	}
	return n
}

// add adds a copy. One place holds one.
func add(s *v1alpha1.EtcdSnapshot, f found) {
	c := v1alpha1.SnapshotCopy{Location: f.Location, Machine: f.machine, CopyFacts: f.CopyFacts}
	if remote(f.Location) {
		c.Machine = ""
	}
	for _, other := range s.Status.Copies {
		if other.Location == c.Location && other.Machine == c.Machine {
			return
		}
	}
	s.Status.Copies = append(s.Status.Copies, c)
}

// rank of a state, the best highest.
func rank(state v1alpha1.SnapshotState) int {
	return slices.Index([]v1alpha1.SnapshotState{
		v1alpha1.StateMissing, v1alpha1.StateFailed, v1alpha1.StateDamaged, v1alpha1.StateSuspect, v1alpha1.StateUnverified,
		v1alpha1.StateComplete, v1alpha1.StateChecked, v1alpha1.StateRestored, v1alpha1.StateProven,
	}, state)
}

// judge gives a snapshot the state of its best copy.
func judge(s *v1alpha1.EtcdSnapshot) {
	slices.SortFunc(s.Status.Copies, func(a, b v1alpha1.SnapshotCopy) int {
		return cmp.Or(cmp.Compare(rank(b.State), rank(a.State)), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Location, b.Location))
	})
	s.Status.State, s.Status.Size = s.Status.Copies[0].State, s.Status.Copies[0].Size
	for _, c := range s.Status.Copies {
		if rank(c.State) >= rank(v1alpha1.StateSuspect) {
			s.Status.Available++
		}
	}
}

// together is how far apart the files of one foreign run may lie.
const together = 5 * time.Minute

// group finds out which foreign files belong to one run: nothing in them says so, but base name and time do.
func group(all map[string]*v1alpha1.EtcdSnapshot) {
	foreign := map[string][]*v1alpha1.EtcdSnapshot{}
	for _, s := range all {
		if s.Spec.Backup == "" {
			base := baseOf(s.Spec)
			foreign[base] = append(foreign[base], s)
		}
	}
	for base, list := range foreign {
		slices.SortFunc(list, func(a, b *v1alpha1.EtcdSnapshot) int {
			return cmp.Or(a.Spec.Created.Compare(b.Spec.Created.Time), cmp.Compare(a.Name, b.Name))
		})
		var first time.Time
		for _, s := range list {
			if first.IsZero() || s.Spec.Created.Sub(first) > together {
				first = s.Spec.Created.Time
			}
			s.Spec.Backup = fmt.Sprintf("%s-%d", base, first.Unix())
		}
	}
}

func baseOf(s v1alpha1.EtcdSnapshotSpec) string {
	prefix, _, ok := snapshot.ParseStem(s.File)
	if !ok {
		return s.File
	}
	if s.Node != "" && len(prefix) > len(s.Node)+1 && prefix[len(prefix)-len(s.Node)-1:] == "-"+s.Node {
		return prefix[:len(prefix)-len(s.Node)-1]
	}
	base, _ := snapshot.SplitNode(prefix)
	return base
}
