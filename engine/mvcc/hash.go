package mvcc

import "context"

// HashKV returns the hash that an etcd server gives for HashKV at a revision while its compaction stands at
// compactRevision: a CRC-32C of all records up to the revision that a compaction there would leave.
//
// revision 0 means Head.Revision. compactRevision is what the server says beside its hash; for what a server that
// boots from this file would say, it is Head.CompactRevision. It is not taken from the file, so that a file whose
// revision was bumped can still be compared with its origin. A compactRevision below that of the file makes sense in
// such a comparison alone: a compaction has removed what the older hash was made of.
//
// The error is ErrCompacted when revision lies below compactRevision, ErrFutureRev when it is newer than the file.
//
// The rules are those of etcd 3.5.16 to 3.7 (and 3.4.34). Older ones differ in one corner, a key space without a single
// live key, where they hash a deletion exactly at the compaction revision and newer ones do not.
func (f *File) HashKV(ctx context.Context, revision, compactRevision int64) (uint32, error) {
	var sum uint32
	err := f.guard(func() error {
		head, err := f.head(ctx)
		if err != nil {
			return err
		}
		switch {
		case revision == 0:
			revision = head.Revision
		case revision < compactRevision:
			return ErrCompacted
		case revision > head.Revision:
			return ErrFutureRev
		}
		h := newHasher(f, revision, compactRevision)
		err = f.newestFirst(ctx, &backwards{
			keys:    newKeySet(f.data),
			ceiling: revision,
			each: func(p *page, i int, r *Record, newest bool) error {
				h.add(p, i, r, newest)
				return nil
			},
		})
		if err != nil {
			return err
		}
		sum, _, err = h.sum(ctx)
		return err
	})
	return sum, err
}

// hasher decides which records take part in the hash, and sums them up.
//
// etcd's rule, for records up to the revision: those after the compaction all do; of those up to the compaction, each
// key's newest put that was not deleted later does (etcd's "keep"). When no key at all is alive, "keep" is empty, and
// etcd takes that for "no compaction": everything does. A deletion exactly at the compaction never does, because
// whether it is still there depends on the version that compacted.
//
// etcd finds "keep" in its index of keys, we by reading backwards. The two agree on everything that etcd's API lets
// happen. (They would not if one transaction deleted a key and then put it; the API refuses that.)
//
// In one corner etcd is of two minds. The hash that it stores when it compacts, and gives again to who asks for that
// revision, counts a deletion exactly there among "keep", so that the set is not empty when that deletion removed
// the last key. HashKV without a stored hash does not. We follow the latter; a Kubernetes cluster is never empty.
type hasher struct {
	file              *File
	revision, compact int64
	// live counts the keys that are alive at the revision.
	live int64
	// hashed is the sum of the records that take part, rest that of all others: together they cover every byte.
	hashed, rest tailCRC
}

func newHasher(f *File, revision, compact int64) *hasher {
	return &hasher{file: f, revision: revision, compact: compact, hashed: tailCRC{data: f.data}, rest: tailCRC{data: f.data}}
}

// add is called for each record up to the revision, from the newest to the oldest.
func (h *hasher) add(p *page, i int, r *Record, newest bool) {
	live := newest && !r.Tombstone
	if live {
		h.live++
	}
	h.sort(p, i, r, r.Main > h.compact || live)
}

func (h *hasher) sort(p *page, i int, r *Record, takesPart bool) {
	if takesPart && (!r.Tombstone || r.Main != h.compact) {
		h.hashed.prepend(p.span(i))
	} else {
		h.rest.prepend(p.span(i))
	}
}

// sum ends the hash. That no key is alive is only known now: then all records are read once more. Such databases are
// new, or were emptied; they are small.
func (h *hasher) sum(ctx context.Context) (hashed, rest uint32, err error) {
	if h.live == 0 {
		h.hashed, h.rest = tailCRC{data: h.file.data}, tailCRC{data: h.file.data}
		err = h.file.newestFirst(ctx, &backwards{
			ceiling: h.revision,
			each: func(p *page, i int, r *Record, _ bool) error {
				h.sort(p, i, r, true)
				return nil
			},
		})
	}
	return h.hashed.sum([]byte("key")), h.rest.sum(nil), err
}
