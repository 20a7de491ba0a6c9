package mvcc

import "context"

// maxBuckets is far above the dozen that etcd has; it bounds the memory that a hostile file can claim.
const maxBuckets = 1024

// bucket is a named tree: etcd keeps its records in "key" and its settings in "meta", "members", "auth" and others.
type bucket struct {
	name     string
	sequence uint64
	root     uint64
	// inline is the only leaf of a bucket that is small enough to live in its parent's element; else nil.
	inline *page
}

// buckets reads the root bucket with a walk whose visit it sets. An etcd database has buckets there and nothing else.
func (f *File) buckets(w *walk) ([]bucket, error) {
	var all []bucket
	w.visit = func(p *page) error {
		for i := range p.count {
			b, err := parseBucket(p, i)
			if err != nil {
				return err
			}
			if all = append(all, b); len(all) > maxBuckets {
				return p.damage(i, "more than %d buckets", maxBuckets)
			}
		}
		return nil
	}
	err := w.node(f.meta.root, nil, nil, 1)
	return all, err
}

func parseBucket(p *page, i int) (bucket, error) {
	value := p.value(i)
	if p.flags(i) != bucketEntry {
		return bucket{}, p.damage(i, "a record outside of all buckets")
	}
	const maxName = 255
	if len(p.key(i)) > maxName || len(value) < bucketHeaderSize {
		return bucket{}, p.damage(i, "not a bucket")
	}
	b := bucket{name: string(p.key(i)), root: order.Uint64(value), sequence: order.Uint64(value[8:])}
	if b.root != 0 {
		return b, nil
	}
	body := value[bucketHeaderSize:]
	if len(body) < pageHeaderSize || order.Uint64(body) != 0 || order.Uint32(body[12:]) != 0 {
		return bucket{}, p.damage(i, "not an inline bucket")
	}
	_, end := p.span(i)
	inline, err := parsePage(p.id, end-int64(len(body)), body, 0)
	if err != nil {
		return bucket{}, err
	}
	if !inline.leaf {
		return bucket{}, p.damage(i, "an inline bucket that is not a leaf")
	}
	b.inline = &inline
	return b, nil
}

// ForEach calls fn for every key and value of a bucket, in key order, and ends at fn's first error. The slices are
// only valid during the call. A bucket that does not exist is empty: most of etcd's are made when first used.
func (f *File) ForEach(ctx context.Context, name string, fn func(key, value []byte) error) error {
	return f.guard(func() error {
		w := f.newWalk(ctx, nil)
		all, err := f.buckets(w)
		if err != nil {
			return err
		}
		return w.each(find(all, name), func(p *page, i int) error {
			return fn(p.key(i), p.value(i))
		})
	})
}

// each calls fn for every element of a bucket; never when b is nil.
func (w *walk) each(b *bucket, fn func(p *page, i int) error) error {
	if b == nil {
		return nil
	}
	w.visit = func(p *page) error {
		for i := range p.count {
			if p.flags(i) != 0 {
				return p.damage(i, "a bucket inside bucket %q: etcd has none", b.name)
			}
			if err := fn(p, i); err != nil {
				return err
			}
		}
		return nil
	}
	return w.bucket(*b)
}

func find(all []bucket, name string) *bucket {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

// keyBucket finds the records. Without them a file is not etcd's.
func (f *File) keyBucket(all []bucket) (*bucket, error) {
	if b := find(all, "key"); b != nil {
		return b, nil
	}
	return nil, damage(f.meta.root, int64(f.meta.root)*int64(f.pageSize), "no bucket of records: not an etcd database")
}
