package snapshot

import (
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
