package mvcc

import (
	"context"
	"encoding/binary"
	"hash/crc32"
)

// Content is what a full reading of a database gives.
type Content struct {
	Head      Head
	Structure Structure
	// HashKV is the hash at (Head.Revision, Head.CompactRevision): what a server that boots from this file answers.
	HashKV uint32
	// OtherHash is a CRC-32C over all that HashKV leaves out: the other buckets, and those records up to the compaction
	// that were replaced or deleted since. etcd has no such hash. Together the two cover everything that a reader of
	// the database can see.
	OtherHash uint32

	// Records is the number of revisions, of all keys. Those that are neither live nor a tombstone are older
	// revisions, which the next compaction removes.
	Records, LiveKeys, Tombstones int64
	// LiveBytes counts the keys and values of live records, OldBytes those of all other records.
	LiveBytes, OldBytes int64
}

// Content does all that Check does, decodes every record, requires that each names its own revision and that revisions
// ascend strictly, and computes the hashes, in one pass over the file.
//
// Beside the mapping it uses at most 43 bytes of memory per key (see keySet) and a few hundred kilobytes.
func (f *File) Content(ctx context.Context) (Content, error) {
	var c Content
	err := f.guard(func() (err error) {
		c, err = f.content(ctx)
		return err
	})
	if err != nil {
		return Content{}, err
	}
	return c, nil
}

func (f *File) content(ctx context.Context) (c Content, err error) {
	if c.Head, err = f.head(ctx); err != nil {
		return Content{}, err
	}
	h := newHasher(f, c.Head.Revision, c.Head.CompactRevision)
	records := backwards{
		keys:    newKeySet(f.data),
		ceiling: c.Head.Revision,
		each: func(p *page, i int, r *Record, newest bool) error {
			h.add(p, i, r, newest)
			c.count(r, newest)
			return nil
		},
	}
	c.Structure, err = f.check(ctx, func(w *walk, b bucket) error {
		if b.name == "key" {
			w.visit, w.backward = records.visit, true
			return nil
		}
		c.OtherHash = crc32.Update(c.OtherHash, castagnoli, []byte(b.name))
		w.visit = c.hashOther
		return nil
	})
	if err != nil {
		return Content{}, err
	}
	var rest uint32
	if c.HashKV, rest, err = h.sum(ctx); err != nil {
		return Content{}, err
	}
	c.OtherHash = crc32.Update(c.OtherHash, castagnoli, binary.BigEndian.AppendUint32(nil, rest))
	return c, nil
}

func (c *Content) count(r *Record, newest bool) {
	c.Records++
	size := int64(len(r.Key) + len(r.Value))
	if r.Tombstone {
		c.Tombstones++
	}
	if newest && r.live() {
		c.LiveKeys++
		c.LiveBytes += size
	} else {
		c.OldBytes += size
	}
}

// hashOther visits a leaf of any bucket but the records'. Keys and values follow each other without a gap: their sizes
// go in too, so that a byte can't move from one to the other unseen.
func (c *Content) hashOther(p *page) error {
	if err := noBuckets(p); err != nil {
		return err
	}
	for i := range p.count {
		start, end := p.span(i)
		c.OtherHash = crc32.Update(c.OtherHash, castagnoli, p.element(i)[8:])
		c.OtherHash = crc32.Update(c.OtherHash, castagnoli, p.data[start-p.offset:end-p.offset])
	}
	return nil
}
