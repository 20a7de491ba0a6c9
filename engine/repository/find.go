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
	return find(list, name, r.Location(), isFile, isStem, isBeginning)
}

// FindWhole returns the snapshots with the given names, with or without extension, in this order and none twice. The
// beginning of a name is not enough here: who deletes "snap1" when it has gone must not lose "snap10".
func (r *Repository) FindWhole(ctx context.Context, names []string) ([]Entry, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []Entry
	seen := map[string]bool{}
	for _, name := range names {
		e, err := find(list, name, r.Location(), isFile, isStem)
		if err != nil {
			return nil, err
		}
		if !seen[e.File] {
			found = append(found, *e)
		}
		seen[e.File] = true
	}
	return found, nil
}

func isFile(e Entry, name string) bool { return e.File == name }

func isStem(e Entry, name string) bool {
	stem, _ := snapshot.SplitExtension(e.File)
	return stem == name
}

func isBeginning(e Entry, name string) bool { return strings.HasPrefix(e.File, name) }

// find tries one way of naming after the other.
func find(list []Entry, name, location string, ways ...func(Entry, string) bool) (*Entry, error) {
	for _, same := range ways {
		var found []Entry
		for _, e := range list {
			if same(e, name) {
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
