package repository

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Find returns the snapshot with the given file name, or the only one whose name, without extension, is or begins with
// it.
func (r *Repository) Find(ctx context.Context, name string) (*Entry, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	return find(list, name, r.Location())
}

func find(list []Entry, name, location string) (*Entry, error) {
	for _, same := range []func(Entry) bool{
		func(e Entry) bool { return e.File == name },
		func(e Entry) bool {
			stem, _ := snapshot.SplitExtension(e.File)
			return stem == name
		},
		func(e Entry) bool { return strings.HasPrefix(e.File, name) },
	} {
		var found []Entry
		for _, e := range list {
			if same(e) {
				found = append(found, e)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return &found[0], nil
		}
		return nil, &problem.Error{
			Kind: problem.Usage, Op: "find snapshot", Subject: name,
			Why:  fmt.Sprintf("%d snapshots in %s begin with it, among them %s and %s", len(found), location, found[0].File, found[1].File),
			Next: "give the whole name, as holdfast repo ls prints it",
		}
	}
	return nil, &problem.Error{
		Kind: problem.NotFound, Op: "find snapshot", Subject: name,
		Why:  fmt.Sprintf("there is none of that name in %s, which holds %d", location, len(list)),
		Next: "see holdfast repo ls",
	}
}

// Newest returns the snapshots that may be restored, newest first, not newer than at (zero: no limit). Damaged and
// suspect ones are left out; unverified ones are in, and must be verified before they are relied on.
func (r *Repository) Newest(ctx context.Context, at time.Time) ([]Entry, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	total := len(list)
	list = slices.DeleteFunc(list, func(e Entry) bool {
		return e.State == StateDamaged || e.State == StateSuspect || !at.IsZero() && e.Created.After(at)
	})
	if len(list) > 0 {
		return list, nil
	}
	p := &problem.Error{
		Kind: problem.NotFound, Op: "choose a snapshot from", Subject: r.Location(),
		Why: "it holds none", Next: "see holdfast repo ls; is this the right bucket and folder?",
	}
	if total > 0 {
		p.Why = fmt.Sprintf("none of its %d snapshots is good", total)
		if !at.IsZero() {
			p.Why += " and from " + at.Format(time.RFC3339) + " or before"
		}
	}
	return nil, p
}
