package snapshot_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// The first bytes of a real snapshot of 19 MB, compressed: bbolt's magic number lies at offset 16, as in a database.
const zstdThatLooksLikeADatabase = "28b52ffd04606c0703ece80400040000" + "edda0ced020000000010006b0d00ff3c"

func TestACompressedDatabaseIsNeverTakenForABareOne(t *testing.T) {
	head, err := hex.DecodeString(zstdThatLooksLikeADatabase)
	if err != nil {
		t.Fatal(err)
	}
	head = append(head, bytes.Repeat([]byte{1}, 512)...)
	if encoding, _ := snapshot.Sniff("a-n-1.db.zst", head); encoding != snapshot.EncodingZstd {
		t.Errorf("got %q", encoding)
	}
}

// database begins like one and goes on with what no compressor can shorten.
func database() []byte {
	db := make([]byte, 300<<10)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 512; i < len(db); i++ {
		db[i] = byte(r.Uint32())
	}
	binary.LittleEndian.PutUint32(db[16:], 0xED0CDAED)
	return db
}

func zipOf(t *testing.T, method uint16, entry string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.CreateHeader(&zip.FileHeader{Name: entry, Method: method})
	if err == nil {
		_, err = out.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t *testing.T, data []byte, level zstd.EncoderLevel) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil)
}

func TestASnapshotIsRecognisedByWhatItHolds(t *testing.T) {
	db, text := database(), []byte(strings.Repeat("a text about etcd\n", 20_000))
	long := strings.Repeat("n", 240) + "-1652288934"
	for _, c := range []struct {
		name string
		of   func(data []byte) []byte
		want snapshot.Encoding
	}{
		{"any", func(data []byte) []byte { return data }, snapshot.EncodingRaw},
		{"etcd-snapshot-n-1652288934.zip", func(data []byte) []byte {
			return zipOf(t, zip.Deflate, "etcd-snapshot-n-1652288934", data)
		}, snapshot.EncodingZip},
		{long + ".zip", func(data []byte) []byte { return zipOf(t, zip.Deflate, long, data) }, snapshot.EncodingZip},
		{"x.zip", func(data []byte) []byte { return zipOf(t, zip.Store, "any.db", data) }, snapshot.EncodingZip},
		{"x.zip", func(data []byte) []byte { return zipOf(t, zip.Deflate, "/backup/x", data) }, snapshot.EncodingRKE},
		{"x.zip", func(data []byte) []byte { return zipOf(t, zip.Deflate, "backup/x", data) }, snapshot.EncodingRKE},
		{"x.zip", func(data []byte) []byte {
			return slices.Concat(zipOf(t, zip.Store, "backup/", nil)[:30+len("backup/")], zipOf(t, zip.Deflate, "./backup/x", data))
		}, snapshot.EncodingRKE},
		{"x.db.zst", func(data []byte) []byte { return zstdOf(t, data, zstd.SpeedFastest) }, snapshot.EncodingZstd},
		{"x.zst", func(data []byte) []byte { return zstdOf(t, data, zstd.SpeedBestCompression) }, snapshot.EncodingZstd},
	} {
		head := func(data []byte) []byte { return data[:min(int64(len(data)), snapshot.SniffSize(c.name))] }
		if got, ok := snapshot.Sniff(c.name, head(c.of(db))); got != c.want || !ok {
			t.Errorf("%s: a database as %s: %q, %v", c.name, c.want, got, ok)
		}
		if got, ok := snapshot.Sniff(c.name, head(c.of(text))); ok {
			t.Errorf("%s: a text as %s is taken for %q", c.name, c.want, got)
		}
	}
	state := zipOf(t, zip.Deflate, "/etc/kubernetes/x.rkestate", text)
	if got, ok := snapshot.Sniff("x.zip", state); got != snapshot.EncodingRKE || !ok {
		t.Errorf("an RKE archive whose state comes first: %q, %v", got, ok)
	}
}
