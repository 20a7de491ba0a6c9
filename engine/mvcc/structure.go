package mvcc

import (
	"context"
	"slices"
)

// Structure is the shape of a database whose pages are sound.
type Structure struct {
	PageSize int
	// Pages is the number of pages up to the last that was ever used; a file on disk may be longer.
	Pages int64
	// PagesInUse and FreePages add up to Pages. Free pages hold stale data.
	PagesInUse, FreePages int64
	// BytesInUse is what etcd reports as the size in use.
	BytesInUse int64
	// Branches and Leaves are tree pages, Overflow the pages that continue one of them. Depth is that of the
	// deepest tree.
	Branches, Leaves, Overflow int64
	Depth                      int
	Buckets                    []Bucket
	// MetaDamage says what is wrong with the meta pages although the database can be read; it wraps ErrDamaged. At
	// most one of the two has a wrong content. A snapshot loses nothing by that, because its metas name the same
	// root; a file that a server was killed over may lose its last transaction. etcdutl snapshot status refuses a
	// file with a wrong header here, etcd takes it.
	MetaDamage error
}

// Bucket is one top-level bucket.
type Bucket struct {
	Name     string
	Sequence uint64
	Records  int64
	// Bytes of keys and values.
	Bytes int64
}

// Check walks every page that can be reached: both metas, type, id and bounds of each page, one reference to each,
// strictly ascending keys within and across pages, separators of branches, every element inside its page, buckets and
// inline buckets, and the freelist if one is stored. It does not look into the records: see Content.
//
// The first damage ends it, and is the error.
func (f *File) Check(ctx context.Context) (Structure, error) {
	var s Structure
	err := f.guard(func() (err error) {
		s, err = f.check(ctx, func(*walk, bucket) error { return nil })
		return err
	})
	return s, err
}

// check walks all buckets. prepare sets the walk up for each of them, in order of their names.
func (f *File) check(ctx context.Context, prepare func(*walk, bucket) error) (Structure, error) {
	w := f.newWalk(ctx, nil)
	w.mark(0)
	w.mark(1)
	all, err := f.buckets(w)
	if err != nil {
		return Structure{}, err
	}
	s := Structure{PageSize: f.pageSize, Pages: int64(f.meta.end), MetaDamage: f.metaDamage}
	for _, b := range all {
		w.visit, w.backward = noBuckets, false
		if err := prepare(w, b); err != nil {
			return Structure{}, err
		}
		before := w.count
		if err := w.bucket(b); err != nil {
			return Structure{}, err
		}
		s.Buckets = append(s.Buckets, Bucket{
			Name:     b.name,
			Sequence: b.sequence,
			Records:  w.count.records - before.records,
			Bytes:    w.count.bytes - before.bytes,
		})
	}
	if err := f.checkFreelist(w); err != nil {
		return Structure{}, err
	}
	s.PagesInUse = w.marked()
	s.FreePages = s.Pages - s.PagesInUse
	s.BytesInUse = s.PagesInUse * int64(f.pageSize)
	s.Branches, s.Leaves, s.Overflow, s.Depth = w.count.branches, w.count.leaves, w.count.overflow, w.count.depth
	return s, nil
}

// noBuckets visits a leaf of any bucket below the root.
func noBuckets(p *page) error {
	for i := range p.count {
		if p.flags(i) != 0 {
			return p.damage(i, "a bucket inside a bucket: etcd has none")
		}
	}
	return nil
}

// checkFreelist compares a stored freelist with what the walk has found. etcd believes a stored list: a page that is
// in use and on the list would be overwritten by the next transaction.
func (f *File) checkFreelist(w *walk) error {
	if f.meta.freelist == noFreelist {
		return nil
	}
	id := f.meta.freelist
	list, err := f.freelist(w)
	if err != nil {
		return err
	}
	used := w.marked()
	scratch := walk{seen: slices.Clone(w.seen)}
	for i := 0; i < len(list); i += 8 {
		page := order.Uint64(list[i:])
		if page < 2 || page >= f.meta.end || !scratch.mark(page) {
			return damage(id, int64(id)*int64(f.pageSize), "the freelist names page %d, which is in use, named twice or out of bounds", page)
		}
	}
	if used+int64(len(list)/8) != int64(f.meta.end) {
		return damage(id, int64(id)*int64(f.pageSize), "some pages are neither in use nor on the freelist")
	}
	return nil
}

// freelist returns the page numbers, eight bytes each.
func (f *File) freelist(w *walk) ([]byte, error) {
	id := f.meta.freelist
	offset := int64(id) * int64(f.pageSize)
	if id < 2 || id >= f.meta.end {
		return nil, damage(f.meta.page, f.meta.offset, "the freelist page %d is out of bounds", id)
	}
	head := f.data[offset:][:pageHeaderSize]
	overflow := uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id || order.Uint16(head[8:]) != flagFreelist || overflow >= f.meta.end-id {
		return nil, damage(id, offset, "the header of the freelist page is wrong")
	}
	for n := range overflow + 1 {
		if !w.mark(id + n) {
			return nil, damage(id+n, offset, "a page is both tree and freelist")
		}
	}
	body := f.data[offset+pageHeaderSize : offset+int64(overflow+1)*int64(f.pageSize)]
	count := uint64(order.Uint16(head[10:]))
	if count == 0xFFFF { // too many for the header: the first entry is the count
		count = order.Uint64(body)
		body = body[8:]
	}
	if count > uint64(len(body)/8) {
		return nil, damage(id, offset, "%d free pages do not fit on the freelist page", count)
	}
	return body[:count*8], nil
}
