package mvcc

import (
	"encoding/binary"
	"fmt"
)

// Revision is the key of a record: the transaction's number, and the position inside the transaction.
type Revision struct {
	Main, Sub int64
}

// String is etcd's notation.
func (r Revision) String() string { return fmt.Sprintf("%d.%d", r.Main, r.Sub) }

func (r Revision) less(s Revision) bool {
	return r.Main < s.Main || r.Main == s.Main && r.Sub < s.Sub
}

const (
	// revisionSize: main, big-endian, 8 bytes; "_"; sub, big-endian, 8 bytes.
	revisionSize = 8 + 1 + 8
	// A deletion has this mark behind the revision.
	tombstoneMark = 't'
)

// parseRevision reads the key of a record in bucket "key".
//
// etcd 3.6 and later panic on a key that is refused here for its length, separator or sign; 3.5 and earlier read
// nonsense out of it. All of them take 18 bytes without the mark for a put; no version writes such a key, so it is a
// tombstone that was damaged.
func parseRevision(b []byte) (r Revision, tombstone, ok bool) {
	switch {
	case len(b) == revisionSize:
	case len(b) == revisionSize+1 && b[revisionSize] == tombstoneMark:
		tombstone = true
	default:
		return Revision{}, false, false
	}
	r.Main = int64(binary.BigEndian.Uint64(b))
	r.Sub = int64(binary.BigEndian.Uint64(b[9:]))
	return r, tombstone, b[8] == '_' && r.Main > 0 && r.Sub >= 0
}

// parseCompaction reads finishedCompactRev or scheduledCompactRev of bucket "meta".
func parseCompaction(b []byte) (int64, bool) {
	if len(b) != revisionSize || b[8] != '_' {
		return 0, false
	}
	main := int64(binary.BigEndian.Uint64(b))
	return main, main >= 0
}
