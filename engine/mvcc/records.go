package mvcc

import (
	"bytes"
	"context"
	"errors"
	"math"
)

// Records calls fn for every record in ascending order of revisions, and ends at fn's first error. The slices of a
// record are only valid during the call.
func (f *File) Records(ctx context.Context, fn func(Record) error) error {
	return f.guard(func() error {
		w := f.newWalk(ctx, nil)
		all, err := f.buckets(w)
		if err != nil {
			return err
		}
		key, err := f.keyBucket(all)
		if err != nil {
			return err
		}
		var r Record
		var before Revision
		return w.each(key, func(p *page, i int) error {
			if err := r.read(p, i); err != nil {
				return err
			}
			if !before.less(r.Revision) {
				return p.damage(i, "revision %v appears twice", r.Revision)
			}
			before = r.Revision
			return fn(r)
		})
	})
}

// Live calls fn for the newest record of every key that starts with prefix and is not deleted, the most recently
// changed first, and ends at fn's first error. The slices of a record are only valid during the call.
func (f *File) Live(ctx context.Context, prefix []byte, fn func(Record) error) error {
	return f.guard(func() error {
		keys := newKeySet(f.data)
		return f.newestFirst(ctx, &backwards{
			ceiling: math.MaxInt64,
			each: func(p *page, i int, r *Record, _ bool) error {
				if !bytes.HasPrefix(r.Key, prefix) || !keys.add(r.Key, r.keyPosition(p, i)) || !r.live() {
					return nil
				}
				return fn(*r)
			},
		})
	})
}

// Get returns the newest record of a key, which the caller may keep, or false when there is none or it is deleted.
func (f *File) Get(ctx context.Context, key []byte) (Record, bool, error) {
	var found Record
	done := errors.New("found")
	err := f.guard(func() error {
		return f.newestFirst(ctx, &backwards{
			ceiling: math.MaxInt64,
			each: func(_ *page, _ int, r *Record, _ bool) error {
				if !bytes.Equal(r.Key, key) {
					return nil
				}
				found = r.clone()
				return done
			},
		})
	})
	if err != nil && !errors.Is(err, done) {
		return Record{}, false, err
	}
	if err == nil || found.Tombstone {
		return Record{}, false, nil
	}
	return found, true, nil
}
