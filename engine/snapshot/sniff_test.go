package snapshot_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// The first bytes of a real snapshot of 19 MB, compressed: bbolt's magic number lies at offset 16, as in a database.
const zstdThatLooksLikeADatabase = "28b52ffd04606c0703ece80400040000" + "edda0ced020000000010006b0d00ff3c"

func TestACompressedDatabaseIsNeverTakenForABareOne(t *testing.T) {
	head, err := hex.DecodeString(zstdThatLooksLikeADatabase)
	if err != nil {
		t.Fatal(err)
	}
	head = append(head, bytes.Repeat([]byte{1}, snapshot.SniffSize)...)
	if encoding, ok := snapshot.Sniff("a-n-1.db.zst", head); encoding != snapshot.EncodingZstd || !ok {
		t.Errorf("got %q, %v", encoding, ok)
	}
}
