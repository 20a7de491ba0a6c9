package repository_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func put(t *testing.T, store blob.Store, name string, data []byte) {
	t.Helper()
	if _, err := store.Put(t.Context(), name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// like is a file that looks like a database to a listing.
func like() []byte {
	data := make([]byte, 4096+snapshot.TrailerSize)
	copy(data[16:], []byte{0xed, 0xda, 0x0c, 0xed})
	return data
}

// store saves what looks like a snapshot, with a manifest of the given schema.
func store(t *testing.T, s blob.Store, name, schema string) {
	t.Helper()
	data := like()
	put(t, s, name, data)
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	m := snapshot.Manifest{
		Schema: schema, File: name, UploadID: "0123456789abcdef", Name: "on-demand", Node: "n", Trigger: snapshot.TriggerManual,
		Created: time.Now(), Stored: snapshot.Stored{Encoding: snapshot.EncodingRaw, Size: int64(len(data)), SHA256: sum},
	}
	m.AddEvidence(snapshot.Evidence{Level: snapshot.LevelChecksum, Outcome: snapshot.OutcomePassed})
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, snapshot.ManifestName(name, m.UploadID), encoded)
}

func listing(t *testing.T, s blob.Store) (map[string]repository.Entry, error) {
	t.Helper()
	list, err := repository.Open(repository.Config{Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler)}).List(t.Context())
	entries := map[string]repository.Entry{}
	for _, e := range list {
		entries[e.File] = e
	}
	return entries, err
}

func TestOneSnapshotThatCannotBeUnderstoodHidesNoOther(t *testing.T) {
	s := localtest.New(t)
	store(t, s, "on-demand-n-1652288934.db", snapshot.Schema)
	store(t, s, "on-demand-n-1652288935.db", "holdfast.dev/manifest/v2")
	put(t, s, "on-demand-n-1652288936", like())
	list, err := listing(t, denying{s, "on-demand-n-1652288936"})
	if err != nil || len(list) != 3 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	if e := list["on-demand-n-1652288934.db"]; e.State != repository.StateComplete {
		t.Errorf("%s: %s", e.State, e.Reason)
	}
	if e := list["on-demand-n-1652288935.db"]; e.State != repository.StateUnverified || !strings.Contains(e.Reason, "another version") {
		t.Errorf("%s: %s", e.State, e.Reason)
	}
	if e := list["on-demand-n-1652288936"]; e.State != repository.StateUnverified || !strings.Contains(e.Reason, blob.ErrDenied.Error()) {
		t.Errorf("%s: %s", e.State, e.Reason)
	}
}

// denying lets nobody read one object: an archive class, or another user's file.
type denying struct {
	blob.Store
	name string
}

func (d denying) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	if name == d.name {
		return nil, fmt.Errorf("get %s: %w", name, blob.ErrDenied)
	}
	return d.Store.Get(ctx, name, offset, length, match)
}

func TestAListingThatBreaksOffIsNoShorterOne(t *testing.T) {
	s := localtest.New(t)
	for i := range 3 {
		store(t, s, fmt.Sprintf("on-demand-n-165228893%d.db", i), snapshot.Schema)
	}
	for _, fault := range []faulty.Fault{
		{Op: faulty.List, Do: faulty.Fail(nil)},
		{Op: faulty.List, Do: faulty.Cut(2, nil)},
		{Op: faulty.List, Do: faulty.Lose(nil)},
		{Op: faulty.Get, Skip: 1, Do: faulty.Fail(nil)},
		{Op: faulty.Get, Skip: 1, Do: faulty.Cut(10, nil)},
	} {
		script := faulty.NewScript(fault)
		list, err := listing(t, faulty.New(s, script))
		if !errors.Is(err, faulty.ErrInjected) || len(list) > 0 || len(script.Unmet()) > 0 {
			t.Errorf("%v: %d entries, %v", fault, len(list), err)
		}
	}
}
