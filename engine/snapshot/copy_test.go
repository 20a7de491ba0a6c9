package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// bucket is a store that keeps metadata, as S3 does, and can lose answers.
type bucket struct {
	blob.Store
	metadata map[string]map[string]string
	// fails is asked before each Put; after says that the object is stored all the same.
	fails func(name string) (err error, after bool)
}

func newBucket(t *testing.T) *bucket {
	return &bucket{Store: remote{localtest.New(t)}, metadata: map[string]map[string]string{}}
}

func (b *bucket) Features() blob.Features { return blob.Features{Metadata: true} }

func (b *bucket) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	var fail error
	if b.fails != nil {
		var after bool
		if fail, after = b.fails(name); fail != nil && !after {
			return blob.Info{}, fail
		}
	}
	info, err := b.Store.Put(ctx, name, r, opts)
	if err == nil {
		b.metadata[name] = maps.Clone(opts.Metadata)
	}
	return info, errors.Join(err, fail)
}

func (b *bucket) Stat(ctx context.Context, name string) (blob.Info, error) {
	info, err := b.Store.Stat(ctx, name)
	info.Metadata = b.metadata[name]
	return info, err
}

// stored puts one of the payloads into a directory, with its manifest.
func stored(t *testing.T, name string) (snapshot.Source, *snapshot.Manifest) {
	t.Helper()
	store := localtest.New(t)
	data := payloads(t)[name]
	sum := sha256.Sum256(data)
	m := &snapshot.Manifest{
		Schema: snapshot.Schema, File: name, UploadID: "0123456789abcdef", Created: time.Unix(1652288934, 0).UTC(), ClusterID: "c-abcde",
		Stored: snapshot.Stored{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, Database: describedRaw(t),
		Evidence: []snapshot.Evidence{
			{Level: snapshot.LevelChecksum, Outcome: snapshot.OutcomePassed},
			{Level: snapshot.LevelContent, Outcome: snapshot.OutcomePassed},
			{Level: snapshot.LevelRestore, Outcome: snapshot.OutcomePassed},
		},
	}
	info, err := store.Put(t.Context(), name, bytes.NewReader(data), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.StoreSource(store, info), m
}

func copyTo(t *testing.T, src snapshot.Source, m *snapshot.Manifest, to blob.Store, enc snapshot.Encoding) (*snapshot.Manifest, error) {
	t.Helper()
	return snapshot.Copy(t.Context(), snapshot.CopyConfig{
		Source: src, Manifest: m, Store: to, Encoding: enc, SpoolDir: t.TempDir(), Tool: "test", Host: "n1", Now: time.Now,
	})
}

func TestACopyHoldsTheSameDatabaseAndItsOwnEvidence(t *testing.T) {
	for name := range payloads(t) {
		for _, enc := range []snapshot.Encoding{snapshot.EncodingRaw, snapshot.EncodingZstd, snapshot.EncodingZip} {
			src, m := stored(t, name)
			to := newBucket(t)
			got, err := copyTo(t, src, m, to, enc)
			if err != nil {
				t.Fatalf("%s as %s: %v", name, enc, err)
			}
			if got.Proved() != snapshot.LevelContent || got.UploadID == m.UploadID || got.Database.SHA256 != m.Database.SHA256 {
				t.Errorf("%s as %s: proved %q, upload %s", name, enc, got.Proved(), got.UploadID)
			}
			info, err := to.Stat(t.Context(), got.File)
			if err != nil || info.Metadata[snapshot.MetadataUploadID] != got.UploadID {
				t.Fatalf("%s as %s: %v, %v", name, enc, info, err)
			}
			if _, err := snapshot.Verify(t.Context(), snapshot.VerifyConfig{
				Source: snapshot.StoreSource(to, info), Manifest: got, Level: snapshot.LevelChecksum, SpoolDir: t.TempDir(), Now: time.Now,
			}); err != nil {
				t.Errorf("%s as %s: %v", name, enc, err)
			}
		}
	}
}

func TestADamagedSnapshotIsNotCopied(t *testing.T) {
	for name, data := range payloads(t) {
		src, m := stored(t, name)
		to := newBucket(t)
		store := localtest.New(t)
		bad := bytes.Clone(data)
		bad[len(bad)/2] ^= 1
		info, err := store.Put(t.Context(), name, bytes.NewReader(bad), blob.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := copyTo(t, snapshot.StoreSource(store, info), m, to, snapshot.EncodingZstd); problem.KindOf(err) != problem.Damaged {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, to)
		m.Database.SHA256 = strings.Repeat("0", 64)
		if _, err := copyTo(t, src, m, to, snapshot.EncodingZstd); problem.KindOf(err) != problem.Damaged {
			t.Errorf("%s with another's manifest: %v", name, err)
		}
		empty(t, to)
	}
}

func empty(t *testing.T, store blob.Store) {
	t.Helper()
	err := store.List(t.Context(), "", func(info blob.Info) error {
		t.Errorf("%s was stored", info.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Both twins, at the payload and at the manifest: it failed and left nothing, and it failed but had happened.
func TestACopyThatWasCutIsFinishedByTheNext(t *testing.T) {
	cut := errors.New("the line is dead")
	for _, prefix := range []string{"a.db", ".metadata/"} {
		for _, after := range []bool{false, true} {
			src, m := stored(t, "a.db")
			to := newBucket(t)
			to.fails = func(name string) (error, bool) {
				if strings.HasPrefix(name, prefix) {
					return cut, after
				}
				return nil, false
			}
			if _, err := copyTo(t, src, m, to, snapshot.EncodingZstd); !errors.Is(err, cut) {
				t.Fatalf("%s: %v", prefix, err)
			}
			to.fails = nil
			got, err := copyTo(t, src, m, to, snapshot.EncodingZstd)
			if err != nil {
				t.Fatalf("%s, after %v: %v", prefix, after, err)
			}
			again, err := copyTo(t, src, m, to, snapshot.EncodingZstd)
			if err != nil || again.UploadID != got.UploadID || again.Stored != got.Stored {
				t.Errorf("%s, after %v: a third copy: %+v, %v", prefix, after, again, err)
			}
		}
	}
}

func TestACopyReplacesNoOthersSnapshot(t *testing.T) {
	src, m := stored(t, "a.db")
	to := newBucket(t)
	if _, err := to.Put(t.Context(), "a.db.zst", strings.NewReader("theirs"), blob.PutOptions{Metadata: map[string]string{snapshot.MetadataUploadID: "another"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := copyTo(t, src, m, to, snapshot.EncodingZstd); !errors.Is(err, blob.ErrExists) {
		t.Errorf("got %v", err)
	}
}
