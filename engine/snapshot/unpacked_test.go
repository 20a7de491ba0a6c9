package snapshot_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// restoreOf tries to restore a file with these bytes, and checks that a refusal leaves nothing.
func restoreOf(t *testing.T, name string, stored []byte, minFree int64) error {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := snapshot.FileSource(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = snapshot.Restore(t.Context(), snapshot.RestoreConfig{
		Source: src, MinFree: minFree, SpoolDir: t.TempDir(),
		Target: snapshot.Target{
			Name: "a", InitialCluster: "a=http://127.0.0.1:2380", InitialClusterToken: "t",
			PeerURLs: []string{"http://127.0.0.1:2380"}, DataDir: filepath.Join(dir, "data"),
		},
	})
	if left, readErr := os.ReadDir(dir); len(left) > 0 || readErr != nil {
		t.Errorf("%s: the refusal left %v, %v", name, left, readErr)
	}
	return err
}

func kind(t *testing.T, err error) problem.Kind {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) {
		t.Fatalf("%v is no problem", err)
	}
	return p.Kind
}

func TestTheSpaceThatIsAskedForIsThatOfTheUnpackedSnapshot(t *testing.T) {
	db := make([]byte, 64<<20)
	copy(db, database()[:4096])
	const unattainable = 1 << 60
	needed := humanize.IBytes(uint64(snapshot.SpaceToRestore(int64(len(db))))) + " are needed"
	for name, stored := range map[string][]byte{
		"x.zip":    zipOf(t, zip.Deflate, "x", db),
		"x.db.zst": zstdOf(t, db, zstd.SpeedFastest),
	} {
		err := restoreOf(t, name, stored, unattainable)
		if err == nil || kind(t, err) != problem.NoSpace || !strings.Contains(err.Error(), needed) {
			t.Errorf("%s: %v, not that %s", name, err, needed)
		}
	}
}

func TestAnImpossibleClaimOfSizeIsDamageAndNoLackOfSpace(t *testing.T) {
	packed := zipOf(t, zip.Deflate, "x", database())
	directory := bytes.LastIndex(packed, []byte("PK\x01\x02"))
	copy(packed[directory+24:], []byte{0, 0, 0, 0xf0})
	if err := restoreOf(t, "x.zip", packed, 0); err == nil || kind(t, err) != problem.Damaged {
		t.Errorf("%v", err)
	}
}

func TestOtherThingsThatArePackedAreNoDamagedSnapshots(t *testing.T) {
	text := []byte(strings.Repeat("a text about etcd ", 512))
	encrypted := zipOf(t, zip.Store, "x", database())
	encrypted[6] |= 1
	encrypted[bytes.LastIndex(encrypted, []byte("PK\x01\x02"))+8] |= 1
	for name, stored := range map[string][]byte{
		"text.zip":      zipOf(t, zip.Deflate, "text", text),
		"text.zst":      zstdOf(t, text, zstd.SpeedFastest),
		"empty.zip":     zipOf(t, zip.Deflate, "text", nil),
		"encrypted.zip": encrypted,
	} {
		if err := restoreOf(t, name, stored, 0); !errors.Is(err, snapshot.ErrNotSnapshot) || kind(t, err) != problem.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	damaged := zipOf(t, zip.Deflate, "text", text)
	damaged[60] ^= 1
	if err := restoreOf(t, "damaged.zip", damaged, 0); !errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("a damaged archive: %v", err)
	}
}

func TestADatabaseWhoseFirstPageIsDamagedIsADamagedSnapshot(t *testing.T) {
	db := database()
	second := db[4096:]
	copy(second, db[:20])
	second[0] = 1
	sum := sha256.Sum256(db)
	for _, at := range []int{0, 16} {
		stored := slices.Concat(db, sum[:])
		stored[at] ^= 1
		if err := restoreOf(t, "x.db", stored, 0); !errors.Is(err, snapshot.ErrDamaged) || kind(t, err) != problem.Damaged {
			t.Errorf("byte %d flipped: %v", at, err)
		}
	}
}
