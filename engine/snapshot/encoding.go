package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Encoding is the form in which a payload is stored.
type Encoding string

// The encodings.
const (
	// EncodingRaw: the payload as etcd sent it.
	EncodingRaw Encoding = "none"
	// EncodingZstd: one zstd stream.
	EncodingZstd Encoding = "zstd"
	// EncodingZip: a zip with one entry, as k3s and rke2 write it.
	EncodingZip Encoding = "zip"
	// EncodingRKE: RKE's zip, with absolute entry names and the cluster's state beside the database.
	EncodingRKE Encoding = "rke-zip"
)

// ParseEncoding reads an encoding that a snapshot can be saved in.
func ParseEncoding(s string) (Encoding, error) {
	switch e := Encoding(s); e {
	case EncodingRaw, EncodingZstd, EncodingZip:
		return e, nil
	}
	return "", fmt.Errorf("%q is no compression: use none, zstd or zip", s)
}

// Extension is what follows the stem in the name of a file that we write in this encoding.
func (e Encoding) Extension() string {
	switch e {
	case EncodingZstd:
		return ".db.zst"
	case EncodingZip, EncodingRKE:
		return ".zip"
	default:
		return ".db"
	}
}

// The least that a database can be: two metas, a freelist or a leaf, and a leaf, at bbolt's smallest page size.
const minDatabase = 4 * 512

// TrailerSize is the length of the SHA-256 that etcd appends to a database image.
const TrailerSize = 32

// Bytes of a file that Sniff needs to see.
const SniffSize = 512

// CouldBePayload tells from name and size alone whether a file may be a snapshot, so that a listing need not open what
// cannot be one. etcd's own test is the same: an image is a whole number of 512-byte blocks, and the trailer.
func CouldBePayload(name string, size int64) bool {
	switch {
	case strings.Contains(name, "/"), strings.HasPrefix(name, "."), strings.HasSuffix(name, ".part"):
		return false
	case strings.HasSuffix(name, ".zip"), strings.HasSuffix(name, ".zst"):
		return size > 22 // an empty zip archive
	}
	return size >= minDatabase && size%512 == TrailerSize
}

// Sniff recognises a snapshot by the first bytes of the file: at least SniffSize of them, or all. It looks at the
// content, since etcdctl's users choose names as they like. Whether the payload is sound is another question.
//
// The order matters. A compressor leaves a database's first bytes nearly as they are, and bbolt's magic number can come
// to lie at the very place in a compressed stream where it lies in a database.
func Sniff(name string, head []byte) (Encoding, bool) {
	switch {
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return EncodingZstd, strings.HasSuffix(name, ".zst")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return sniffZip(name, head)
	case isDatabase(head):
		return EncodingRaw, true
	}
	return "", false
}

const boltMagic = 0xED0CDAED

// isDatabase looks for bbolt's magic number behind the header of page 0.
func isDatabase(head []byte) bool {
	return len(head) >= 20 && binary.LittleEndian.Uint32(head[16:]) == boltMagic
}

// sniffZip reads the name of the first entry, which tells whose archive it is.
func sniffZip(name string, head []byte) (Encoding, bool) {
	const fixed = 30
	if len(head) < fixed {
		return "", false
	}
	length := int(binary.LittleEndian.Uint16(head[26:]))
	if length == 0 || fixed+length > len(head) {
		return "", false
	}
	entry := string(head[fixed : fixed+length])
	if isRKEEntry(entry) {
		return EncodingRKE, true
	}
	stem, _ := SplitExtension(name)
	_, _, timed := ParseStem(entry)
	return EncodingZip, entry == stem || timed || strings.HasSuffix(entry, ".db")
}

const (
	rkeDatabasePrefix = "/backup/"
	rkeStatePrefix    = "/etc/kubernetes/"
	rkeStateSuffix    = ".rkestate"
)

func isRKEEntry(entry string) bool {
	return strings.HasPrefix(entry, rkeDatabasePrefix) || isRKEState(entry)
}

func isRKEState(entry string) bool {
	return strings.HasPrefix(entry, rkeStatePrefix) && strings.HasSuffix(entry, rkeStateSuffix)
}
