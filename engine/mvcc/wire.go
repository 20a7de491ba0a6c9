package mvcc

import "encoding/binary"

// The wire types of protocol buffers. Groups (3 and 4) are extinct: etcd and Kubernetes never wrote one.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// wireField is one field of a message: its number and wire type as they stand in the encoding, and its content.
type wireField struct {
	tag    uint64
	number uint64 // of a varint
	bytes  []byte // of wireBytes
	size   int    // of what follows the tag, a length included
}

// nextField reads the field at the start of b, and returns its size in the encoding: 0 when it can't be read.
func nextField(b []byte) (f wireField, size int) {
	tag, n := uvarint(b)
	const maxTag = 1<<32 - 1
	if n <= 0 || tag > maxTag || tag>>3 == 0 {
		return wireField{}, 0
	}
	f.tag = tag
	b = b[n:]
	switch tag & 7 {
	case wireVarint:
		f.number, f.size = uvarint(b)
	case wireBytes:
		f.bytes, f.size = lengthPrefixed(b)
	case wireFixed64:
		f.size = 8
	case wireFixed32:
		f.size = 4
	}
	if f.size <= 0 || f.size > len(b) {
		return wireField{}, 0
	}
	return f, n + f.size
}

// uvarint is binary.Uvarint with the one-byte case, by far the most common, in line.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

// lengthPrefixed returns the field behind its length, and the size of both. The size is 0 when it does not fit.
func lengthPrefixed(b []byte) ([]byte, int) {
	size, n := uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, 0
	}
	return b[n:][:size:size], n + int(size)
}
