package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func take(t *testing.T, store blob.Store, file string, level snapshot.Level) (*snapshot.Manifest, error) {
	t.Helper()
	return snapshot.Take(t.Context(), snapshot.TakeConfig{
		Store: store, File: file, Verify: level, SpoolDir: t.TempDir(), Host: "h", Now: time.Now,
		Manifest: snapshot.Manifest{Name: "on-demand", Node: "n1", KubernetesVersion: "v1.36.3+k3s1", Config: json.RawMessage(`{"a":"b"}`), TokenDigest: "0123456789ab"},
	})
}

func TestAFileThatSomebodyElseWroteBecomesASnapshotOfOurs(t *testing.T) {
	for _, name := range []string{"a.db", "a.zip"} {
		store := remote{localtest.New(t)}
		data := payloads(t)[name]
		if _, err := store.Put(t.Context(), "on-demand-n1-1795312800", bytes.NewReader(data), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		m, err := take(t, store, "on-demand-n1-1795312800", snapshot.LevelChecksum)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if m.Stored.SHA256 != hex.EncodeToString(sum[:]) || m.Stored.Size != int64(len(data)) || m.Proved() != snapshot.LevelChecksum || m.Backup != m.UploadID {
			t.Errorf("%s: %+v, proved %s", name, m.Stored, m.Proved())
		}
		published := read(t, store, snapshot.ManifestName(m.File, m.UploadID))
		back, err := snapshot.DecodeManifest(published)
		if err != nil || back.TokenDigest != "0123456789ab" || back.KubernetesVersion != "v1.36.3+k3s1" || back.Database.SHA256 != m.Database.SHA256 {
			t.Errorf("%s: published %+v, %v", name, back, err)
		}
		var config map[string]string
		if err := json.Unmarshal(back.Config, &config); err != nil || config["a"] != "b" {
			t.Errorf("%s: configuration %s, %v", name, back.Config, err)
		}
		if digest := m.ConfigDigest(); digest == "" || back.ConfigDigest() != digest {
			t.Errorf("%s: digest %q became %q", name, digest, back.ConfigDigest())
		}
	}
}

func TestADamagedFileGetsNoManifest(t *testing.T) {
	store := remote{localtest.New(t)}
	data := bytes.Clone(payloads(t)["a.db"])
	data[len(data)/2] ^= 1
	if _, err := store.Put(t.Context(), "a-n1-1795312800", bytes.NewReader(data), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	m, err := take(t, store, "a-n1-1795312800", snapshot.LevelChecksum)
	if m != nil || problem.KindOf(err) != problem.Damaged {
		t.Errorf("%v, %v", m, err)
	}
	var names []string
	if err := store.List(t.Context(), "", func(i blob.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a-n1-1795312800"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestACopyMayHaveAnotherName(t *testing.T) {
	src, m := stored(t, "a.db")
	to := newBucket(t)
	copied, err := snapshot.Copy(t.Context(), snapshot.CopyConfig{
		Source: src, Manifest: m, Store: to, Encoding: snapshot.EncodingRaw, File: "mine-n1-1795312800", Metadata: map[string]string{"k3s-node-name": "n1"},
		SpoolDir: t.TempDir(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if to.metadata["mine-n1-1795312800"]["k3s-node-name"] != "n1" || copied.File != "mine-n1-1795312800" {
		t.Errorf("%+v, %v", copied, to.metadata)
	}
	if !bytes.Equal(read(t, to, copied.File), payloads(t)["a.db"]) {
		t.Error("the copy has other bytes")
	}
}

func read(t *testing.T, store blob.Store, name string) []byte {
	t.Helper()
	body, err := store.Get(t.Context(), name, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
