package snapshot

import (
	"archive/zip"
	"context"

	"github.com/klauspost/compress/zstd"
)

// How many times larger deflate and zstd can make their input. A larger claim is damage or a lie, and the decoder will
// find out: it must not look like a disk that is too small.
const (
	maxDeflateRatio = 1032
	maxZstdRatio    = 128 << 10
)

// unpackedSize is how many bytes a snapshot has when it is unpacked: what its manifest says, else what the directory of
// a local archive or the header of a zstd stream claims, else its size as stored.
func unpackedSize(ctx context.Context, src Source, m *Manifest) int64 {
	if m != nil {
		return m.Database.Size
	}
	stored := src.Size()
	head, err := readHead(ctx, src)
	if err != nil {
		return stored // whoever opens it next will say so
	}
	enc, ok := Sniff(src.Name(), head)
	if !ok {
		enc, _ = sniffLoose(head)
	}
	claimed, ratio := uint64(0), int64(maxDeflateRatio)
	switch enc {
	case EncodingZip, EncodingRKE:
		claimed = zipClaim(src.Path())
	case EncodingZstd:
		claimed, ratio = zstdClaim(head), maxZstdRatio
	}
	if claimed > uint64(stored) && claimed/uint64(ratio) <= uint64(stored) {
		return int64(claimed)
	}
	return stored
}

// zipClaim is 0 for what is no archive on this machine: its directory stands at its end.
func zipClaim(path string) uint64 {
	if path == "" {
		return 0
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return 0
	}
	defer archive.Close()
	entry, err := databaseEntry(&archive.Reader)
	if err != nil {
		return 0
	}
	return entry.UncompressedSize64
}

func zstdClaim(head []byte) uint64 {
	var h zstd.Header
	if h.Decode(head) != nil || !h.HasFCS {
		return 0
	}
	return h.FrameContentSize
}
