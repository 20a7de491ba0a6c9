package mvcc

import "context"

// backwards reads the records of bucket "key" from the newest to the oldest. In this order the first record of a key
// is the one in force, so that a single pass can tell it from its predecessors.
type backwards struct {
	// keys is nil when nobody wants to know which record is its key's newest.
	keys *keySet
	// ceiling is the newest main revision that takes part.
	ceiling int64
	// each gets a record, the element it was read from, and whether it is the newest of its key. The record is only
	// valid during the call.
	each func(p *page, i int, r *Record, newest bool) error

	after  Revision // of the record that was read before, and must be newer
	record Record
}

// visit is for a walk that goes backward.
func (b *backwards) visit(p *page) error {
	for i := p.count - 1; i >= 0; i-- {
		r := &b.record
		if err := r.read(p, i); err != nil {
			return err
		}
		if b.after != (Revision{}) && !r.less(b.after) {
			return p.damage(i, "revision %v appears twice", r.Revision)
		}
		b.after = r.Revision
		if r.Main > b.ceiling {
			continue
		}
		newest := b.keys != nil && b.keys.add(r.Key, r.keyPosition(p, i))
		if err := b.each(p, i, r, newest); err != nil {
			return err
		}
	}
	return nil
}

// newestFirst walks all records that b wants.
func (f *File) newestFirst(ctx context.Context, b *backwards) error {
	w := f.newWalk(ctx, nil)
	all, err := f.buckets(w)
	if err != nil {
		return err
	}
	key, err := f.keyBucket(all)
	if err != nil {
		return err
	}
	w.backward, w.visit = true, b.visit
	return w.bucket(*key)
}
