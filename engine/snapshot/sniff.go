package snapshot

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// SniffSize is how many bytes of a file Sniff wants to see, if there are so many. Compressed ones must be unpacked far
// enough to see what is in them, and a zstd stream gives nothing before its first block of up to 128 KiB is complete.
func SniffSize(name string) int64 {
	if strings.HasSuffix(name, ".zst") {
		return 132 << 10
	}
	return 4 << 10
}

// Sniff recognises a snapshot by the first SniffSize bytes of the file, or all of a shorter one. It looks at the
// content, unpacked, since etcdctl's users choose names as they like, and archives of other things lie about
// everywhere. Whether the payload is sound is another question.
func Sniff(name string, head []byte) (Encoding, bool) {
	switch {
	case bytes.HasPrefix(head, zstdMagic()):
		return EncodingZstd, strings.HasSuffix(name, ".zst") && holdsDatabase(unzstd(head))
	case bytes.HasPrefix(head, zipMagic()):
		return sniffZip(head)
	case isDatabase(head):
		return EncodingRaw, true
	}
	return "", false
}

func zstdMagic() []byte { return []byte{0x28, 0xb5, 0x2f, 0xfd} }
func zipMagic() []byte  { return []byte("PK\x03\x04") }

const boltMagic = 0xED0CDAED

// boltHead is as much of a database as isDatabase looks at.
const boltHead = 20

// isDatabase looks for page 0 of a bbolt file: its number, and the magic number behind its header. The magic number
// alone would not do: a compressor leaves it as it is, and it may come to lie at the very same place.
func isDatabase(head []byte) bool { return isMeta(head, 0) }

func isMeta(page []byte, number uint64) bool {
	return len(page) >= boltHead && binary.LittleEndian.Uint64(page) == number && binary.LittleEndian.Uint32(page[16:]) == boltMagic
}

// holdsDatabase looks at the beginning of what is unpacked. Where the packed bytes end too early does not matter.
func holdsDatabase(unpacked io.Reader) bool {
	head := make([]byte, boltHead)
	_, err := io.ReadFull(unpacked, head)
	return err == nil && isDatabase(head)
}

func unzstd(head []byte) io.Reader {
	dec, err := zstd.NewReader(bytes.NewReader(head), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return bytes.NewReader(nil)
	}
	return dec // without goroutines there is nothing to close
}

// sniffZip looks into the first entry, whose name also tells whose archive it is.
func sniffZip(head []byte) (Encoding, bool) {
	const fixed, stored, deflated = 30, 0, 8
	if len(head) < fixed || !bytes.HasPrefix(head, zipMagic()) {
		return "", false
	}
	method := binary.LittleEndian.Uint16(head[8:])
	nameEnd := fixed + int(binary.LittleEndian.Uint16(head[26:]))
	data := nameEnd + int(binary.LittleEndian.Uint16(head[28:]))
	if data > len(head) {
		return "", false
	}
	entry := string(head[fixed:nameEnd])
	if next := data + int(binary.LittleEndian.Uint32(head[18:])); strings.HasSuffix(entry, "/") && next < len(head) {
		return sniffZip(head[next:]) // a directory comes before what is in it
	}
	encoding := EncodingZip
	if isRKEEntry(entry) {
		encoding = EncodingRKE
	}
	switch {
	case isRKEState(entry): // the database comes after it
		return encoding, true
	case method == stored:
		return encoding, holdsDatabase(bytes.NewReader(head[data:]))
	case method == deflated:
		return encoding, holdsDatabase(flate.NewReader(bytes.NewReader(head[data:])))
	}
	return encoding, false
}

const (
	rkeDatabasePrefix = "backup/"
	rkeStatePrefix    = "etc/kubernetes/"
	rkeStateSuffix    = ".rkestate"
)

// RKE writes absolute entry names. Whoever unpacks such an archive and packs it again gets relative ones.
func isRKEEntry(entry string) bool {
	return strings.HasPrefix(relative(entry), rkeDatabasePrefix) || isRKEState(entry)
}

func isRKEState(entry string) bool {
	entry = relative(entry)
	return strings.HasPrefix(entry, rkeStatePrefix) && strings.HasSuffix(entry, rkeStateSuffix)
}

func relative(entry string) string { return strings.TrimPrefix(strings.TrimPrefix(entry, "."), "/") }
