package mvcc

import "bytes"

// Record is one change of one key: a put with its value, or a deletion.
type Record struct {
	Revision
	// Tombstone is true for a deletion, which has nothing but a Key.
	Tombstone bool
	Key       []byte
	Value     []byte
	// CreateRevision is the main revision of the put that created the key, Version the number of puts since.
	CreateRevision int64
	Version        int64
	// Lease is the id of the lease that the key hangs on, or 0.
	Lease int64

	modRevision int64
	// keyAt is the position of the key's length in the encoding.
	keyAt int
}

// The fields of mvccpb.KeyValue.
const (
	tagKey            = 1<<3 | wireBytes
	tagCreateRevision = 2<<3 | wireVarint
	tagModRevision    = 3<<3 | wireVarint
	tagVersion        = 4<<3 | wireVarint
	tagValue          = 5<<3 | wireBytes
	tagLease          = 6<<3 | wireVarint
	lastKnownField    = 6
)

// decode reads the value of a record in bucket "key": a mvccpb.KeyValue, by hand, because every record of a file passes
// here and must cost no allocation. Key and Value point into b. It accepts nothing that etcd's own decoder refuses;
// fields that it does not know are skipped.
func (r *Record) decode(b []byte) bool {
	r.Key, r.Value, r.keyAt = nil, nil, 0
	r.CreateRevision, r.modRevision, r.Version, r.Lease = 0, 0, 0, 0
	for at := 0; at < len(b); {
		f, size := nextField(b[at:])
		if size == 0 {
			return false
		}
		at += size
		switch f.tag {
		case tagKey:
			r.Key, r.keyAt = f.bytes, at-f.size
		case tagCreateRevision:
			r.CreateRevision = int64(f.number)
		case tagModRevision:
			r.modRevision = int64(f.number)
		case tagVersion:
			r.Version = int64(f.number)
		case tagValue:
			r.Value = f.bytes
		case tagLease:
			r.Lease = int64(f.number)
		default:
			if f.tag>>3 <= lastKnownField {
				return false
			}
		}
	}
	return true
}

// read fills r with an element of bucket "key". Beyond the encoding it checks what etcd guarantees of every put: that
// the record names its own revision, and was not created after it.
func (r *Record) read(p *page, i int) error {
	var ok bool
	if r.Revision, r.Tombstone, ok = parseRevision(p.key(i)); !ok {
		return p.damage(i, "the key is not a revision")
	}
	if p.flags(i) != 0 {
		return p.damage(i, "a bucket among the records")
	}
	value := p.value(i)
	if !r.decode(value) {
		return p.damage(i, "the record of revision %v can't be decoded", r.Revision)
	}
	if r.Tombstone || len(value) == 0 { // a value of no bytes: the revision bump of etcdutl
		return nil
	}
	if r.modRevision != r.Main || r.CreateRevision > r.Main {
		return p.damage(i, "the record of revision %v says that it was created at %d and changed at %d",
			r.Revision, r.CreateRevision, r.modRevision)
	}
	return nil
}

// live tells whether r, when it is the newest record of its key, is something that etcd serves. Neither a deletion is,
// nor the record that etcdutl's revision bump leaves: no request can name its empty key.
func (r *Record) live() bool { return !r.Tombstone && len(r.Key) > 0 }

// keyPosition returns where in the file the length of r's key stands; r was read from that element.
func (r *Record) keyPosition(p *page, i int) int64 {
	at, keySize, _ := p.sizes(i)
	return p.offset + at + keySize + int64(r.keyAt)
}

// clone returns a record that does not point into the mapping.
func (r *Record) clone() Record {
	c := *r
	c.Key, c.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	return c
}
