package snapshot

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sampleManifest() *Manifest {
	hash := uint32(4051230811)
	return &Manifest{
		Schema: Schema, File: "on-demand-n1-1652288934.db.zst", UploadID: "0123456789abcdef", Backup: "b1", Name: "on-demand", Node: "n1",
		Trigger: TriggerManual, Created: time.Date(2022, 5, 11, 17, 8, 54, 0, time.UTC), ClusterID: "c-9dmxz",
		Stored:   Stored{Encoding: EncodingZstd, Size: 1234, SHA256: "aa"},
		Database: Database{Size: 8192, SHA256: "bb", PageSize: 4096, Revision: 7, HashKV: &hash},
		Source:   Origin{Members: []Member{{ID: "1", Name: "n1", PeerURLs: []string{"https://n1:2380"}}}},
		Evidence: []Evidence{{Level: LevelChecksum, Outcome: OutcomePassed}},
		Tool:     "holdfast test",
	}
}

func TestAManifestComesBackAsItWasWritten(t *testing.T) {
	m := sampleManifest()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFlippedBitOfAManifestIsFound(t *testing.T) {
	data, err := sampleManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			if _, err := DecodeManifest(data); !errors.Is(err, ErrManifest) {
				t.Fatalf("bit %d of byte %d (%q) flipped: %v", bit, i, data[i], err)
			}
			data[i] ^= 1 << bit
		}
	}
}

func TestATruncatedOrExtendedManifestIsFound(t *testing.T) {
	data, err := sampleManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := DecodeManifest(data[:n]); !errors.Is(err, ErrManifest) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeManifest(append(data, '\n')); !errors.Is(err, ErrManifest) {
		t.Fatalf("with a byte more: %v", err)
	}
}

func TestAManifestOfAnotherSchemaIsRefusedWithItsName(t *testing.T) {
	m := sampleManifest()
	m.Schema = "holdfast.dev/manifest/v2"
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeManifest(data); err == nil || errors.Is(err, ErrManifest) {
		t.Fatalf("got %v", err)
	}
}

func TestAManifestsNameTellsFileAndUpload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.StringMatching(`[A-Za-z0-9._:-]{1,40}`).Draw(t, "file")
		id := NewUploadID()
		gotFile, gotID, ok := ParseManifestName(ManifestName(file, id))
		if !ok || gotFile != file || gotID != id {
			t.Fatalf("%s %s came back as %s %s %v", file, id, gotFile, gotID, ok)
		}
	})
	for _, name := range []string{".metadata/holdfast-owner.json", ".metadata/x.holdfast.json", "x.0123456789abcdef.holdfast.json", ".metadata/etcd-snapshot-n1-1652288934"} {
		if _, _, ok := ParseManifestName(name); ok {
			t.Errorf("%s is taken for a manifest", name)
		}
	}
}

func TestEvidenceKeepsTheLatestTestOfEachLevel(t *testing.T) {
	test := func(l Level, o Outcome) Evidence { return Evidence{Level: l, Outcome: o} }
	for _, c := range []struct {
		name    string
		tests   []Evidence
		proved  Level
		damaged bool
	}{
		{"nothing", nil, "", false},
		{"all passed", []Evidence{test(LevelChecksum, OutcomePassed), test(LevelContent, OutcomePassed), test(LevelRestore, OutcomePassed)}, LevelRestore, false},
		{"a skipped trial takes nothing back", []Evidence{test(LevelChecksum, OutcomePassed), test(LevelRestore, OutcomePassed), test(LevelRestore, OutcomeSkipped)}, LevelRestore, false},
		{"a later failure counts", []Evidence{test(LevelChecksum, OutcomePassed), test(LevelContent, OutcomePassed), test(LevelChecksum, OutcomeFailed)}, "", true},
		{"a later success counts", []Evidence{test(LevelChecksum, OutcomeFailed), test(LevelChecksum, OutcomePassed)}, LevelChecksum, false},
	} {
		m := &Manifest{}
		m.AddEvidence(c.tests...)
		_, damaged := m.Damaged()
		if m.Proved() != c.proved || damaged != c.damaged {
			t.Errorf("%s: proved %q, damaged %v", c.name, m.Proved(), damaged)
		}
	}
}
