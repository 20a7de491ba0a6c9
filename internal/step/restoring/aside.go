package restoring

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/step"
)

// The undo set of a belonging B in the operation U:
//
//	B.holdfast-U                     the old file or directory, whole: moved aside, or a copy where B is changed in place
//	B.holdfast-U.part                a copy that is not complete yet
//	B/.holdfast-aside-U              the old entries of a directory that can't be moved because something is mounted there
//	B.holdfast-U-undone              what the operation had put in its place, after an undo
//
// Of what is moved, at any moment either an aside place exists and holds what is old, or B does. Of what is copied, a place
// exists from before the first change until B is again what it was.

// undoSet is the note of what was there before anything was touched.
type undoSet struct {
	Items []undoItem `json:"dirs"`
}

// moveAside moves what the restore replaces away, and copies what it changes.
type moveAside struct{ base }

// Check implements step.Step.
func (s *moveAside) Check(ctx context.Context) error {
	_, err := s.look(ctx)
	return err
}

// Do implements step.Step.
func (s *moveAside) Do(ctx context.Context, report step.Report) (any, error) {
	if err := s.requireStopped(ctx); err != nil {
		return nil, err
	}
	set, err := s.undoSet(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range set.Items {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if i.Existed {
			report(i.verb()+" "+i.Path, "")
		}
		if err := i.aside(ctx, s.uid); err != nil {
			return nil, fmt.Errorf("%s %s: %w", i.verb(), i.Path, err)
		}
	}
	evidence := step.AsideEvidence{}
	evidence.To, evidence.Copies = set.places(s.uid)
	return evidence, nil
}

// places are those that hold what was moved aside, and the copies.
func (u undoSet) places(uid string) (moved, copies []string) {
	for _, i := range u.Items {
		for _, path := range []string{i.outer(uid), i.inner(uid)} {
			switch {
			case !exists(path):
			case i.Copy:
				copies = append(copies, path)
			default:
				moved = append(moved, path)
			}
		}
	}
	return moved, copies
}

// undoSet reads the note of what there was, or writes it.
func (s *moveAside) undoSet(ctx context.Context) (undoSet, error) {
	var set undoSet
	noted, err := s.notes.read(noteAside, &set)
	if err != nil || noted {
		return set, err
	}
	if set, err = s.look(ctx); err != nil {
		return set, err
	}
	return set, s.notes.write(noteAside, set)
}

// look finds out what there is of the belongings.
func (s *moveAside) look(ctx context.Context) (undoSet, error) {
	var set undoSet
	belongings, err := s.Driver.Belongings(ctx)
	if err != nil {
		return set, err
	}
	for _, b := range belongings {
		items, err := lookAll(b)
		if err != nil {
			return set, err
		}
		set.Items = append(set.Items, items...)
	}
	set.prune()
	return set, nil
}

// prune leaves out what goes and comes with something else: one path twice, and what lies below another item. Only what is
// moved out of a directory that is copied needs an item of its own.
func (u *undoSet) prune() {
	var kept []undoItem
	for n, i := range u.Items {
		covered := slices.ContainsFunc(u.Items[:n], func(o undoItem) bool { return o.Path == i.Path }) ||
			slices.ContainsFunc(u.Items, func(o undoItem) bool {
				return strings.HasPrefix(i.Path, o.Path+string(filepath.Separator)) && (i.Copy || !o.Copy)
			})
		if !covered {
			kept = append(kept, i)
		}
	}
	u.Items = kept
}

// Undo implements step.Step. The last goes first, so that an item is back before what it lies in is.
func (s *moveAside) Undo(ctx context.Context, report step.Report) error {
	var set undoSet
	noted, err := s.notes.read(noteAside, &set)
	if err != nil || !noted {
		return err // nothing was touched yet
	}
	if err := s.requireStopped(ctx); err != nil {
		return err
	}
	for _, i := range slices.Backward(set.Items) {
		report("bringing "+i.Path+" back", "")
		if err := i.back(s.uid); err != nil {
			return fmt.Errorf("bring %s back: %w", i.Path, err)
		}
	}
	return nil
}
