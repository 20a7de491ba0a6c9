package snapshot_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// payloads are stored forms of bytes that end with their own SHA-256, as etcd's snapshots do. What they hold is no
// database, which a look at the checksum does not mind.
func payloads(t *testing.T) map[string][]byte {
	t.Helper()
	body := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{1})
	if _, err := random.Read(body); err != nil {
		t.Fatal(err)
	}
	clear(body[:8])
	copy(body[16:], []byte{0xed, 0xda, 0x0c, 0xed})
	sum := sha256.Sum256(body)
	raw := append(body, sum[:]...)

	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	archive := zip.NewWriter(&zipped)
	entry, err := archive.Create("a-n-1.db")
	if err != nil {
		t.Fatal(err)
	}
	_, writeErr := entry.Write(raw)
	if err := errors.Join(writeErr, archive.Close()); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"a.db": raw, "a.db.zst": encoder.EncodeAll(raw, nil), "a.zip": zipped.Bytes()}
}

// remote hides that a store's objects are files of this machine.
type remote struct{ blob.Store }

func (remote) Location(name string) string { return "s3://bucket/" + name }

func verifyChecksum(t *testing.T, store blob.Store, name string) (*snapshot.Verified, error) {
	t.Helper()
	info, err := store.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Verify(t.Context(), snapshot.VerifyConfig{
		Source: snapshot.StoreSource(remote{store}, info), Level: snapshot.LevelChecksum, SpoolDir: t.TempDir(), Now: time.Now,
	})
}

// A connection that ends too early looks to a decoder like a stream that was cut short.
func TestABrokenConnectionIsNeverTakenForDamage(t *testing.T) {
	for name, data := range payloads(t) {
		t.Run(name, func(t *testing.T) {
			store := localtest.New(t)
			put := func(data []byte) {
				t.Helper()
				if _, err := store.Put(t.Context(), name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			put(data)
			if v, err := verifyChecksum(t, store, name); err != nil || len(v.Evidence) != 1 {
				t.Fatalf("as it was written: %+v, %v", v, err)
			}
			for _, at := range []int64{0, 1, 100, int64(len(data)) / 2, int64(len(data)) - 1} {
				// The first read is the look at the head.
				script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Skip: 1, Do: faulty.Cut(at, io.ErrUnexpectedEOF)})
				v, err := verifyChecksum(t, faulty.New(store, script), name)
				if !errors.Is(err, faulty.ErrInjected) || problem.KindOf(err) == problem.Damaged || errors.Is(err, snapshot.ErrDamaged) {
					t.Errorf("cut after %d bytes: %v", at, err)
				}
				if len(v.Evidence) > 0 || len(script.Unmet()) > 0 {
					t.Errorf("cut after %d bytes: evidence %+v, unmet %v", at, v.Evidence, script.Unmet())
				}
			}
			put(data[:len(data)-100])
			if _, err := verifyChecksum(t, store, name); problem.KindOf(err) != problem.Damaged {
				t.Errorf("stored 100 bytes too short: %v", err)
			}
		})
	}
}

// What a proxy on the way changes is right when it is read again; what is changed in the store is not.
func TestDamageOnTheWayIsNeverTakenForDamageOfTheSnapshot(t *testing.T) {
	for name, data := range payloads(t) {
		t.Run(name, func(t *testing.T) {
			store := localtest.New(t)
			if _, err := store.Put(t.Context(), name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			info, err := store.Stat(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			m := &snapshot.Manifest{
				File: name, Stored: snapshot.Stored{Size: info.Size, SHA256: hex.EncodeToString(sum[:])}, Database: describedRaw(t),
			}
			corrupted := faulty.Fault{Op: faulty.Get, Skip: 1, Do: faulty.Corrupt(info.Size / 2)} // the first read looks at the head
			once := faulty.NewScript(corrupted)
			corrupted.Times = -1
			for what, script := range map[string]*faulty.Script{"once": once, "always": faulty.NewScript(corrupted)} {
				v, err := snapshot.Verify(t.Context(), snapshot.VerifyConfig{
					Source: snapshot.StoreSource(remote{faulty.New(store, script)}, info), Manifest: m,
					Level: snapshot.LevelChecksum, SpoolDir: t.TempDir(), Now: time.Now,
				})
				want := snapshot.OutcomePassed
				if what == "always" {
					want = snapshot.OutcomeFailed
				}
				if len(v.Evidence) != 1 || v.Evidence[0].Outcome != want || (err == nil) != (want == snapshot.OutcomePassed) {
					t.Errorf("%s: %+v, %v", what, v.Evidence, err)
				}
				if len(script.Unmet()) > 0 {
					t.Errorf("%s: unmet %v", what, script.Unmet())
				}
			}
		})
	}
}

// describedRaw is what a manifest says of the raw form of payloads.
func describedRaw(t *testing.T) snapshot.Database {
	t.Helper()
	raw := payloads(t)["a.db"]
	body := raw[:len(raw)-snapshot.TrailerSize]
	sum := sha256.Sum256(body)
	return snapshot.Database{Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
}
