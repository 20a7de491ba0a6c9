package snapshot

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestARecordOfTestsComesBackAsItWasWrittenOrNotAtAll(t *testing.T) {
	want := &Foreign{
		Schema: ForeignSchema, File: "a", Size: 4128, Version: "v", Encoding: EncodingZip, Database: Database{Size: 4096, Revision: 7},
		Evidence: []Evidence{{Level: LevelContent, Outcome: OutcomePassed, At: time.Unix(1795367102, 0).UTC()}},
	}
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeForeign(data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	for i := range data {
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 1
		if _, err := DecodeForeign(damaged); !errors.Is(err, ErrManifest) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	if _, err := DecodeManifest(data); !errors.Is(err, ErrSchema) {
		t.Errorf("taken for a manifest: %v", err)
	}
}

func TestARecordsNameTellsItsFileAndNoManifests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.StringMatching(`[a-z0-9][a-z0-9.:_-]{0,40}`).Draw(t, "file")
		name := ForeignName(file, rapid.Int64().Draw(t, "size"), rapid.String().Draw(t, "version"))
		if got, ok := ParseForeignName(name); !ok || got != file {
			t.Errorf("%s is of %q, %v", name, got, ok)
		}
		if _, _, ok := ParseManifestName(name); ok {
			t.Errorf("%s is taken for a manifest's name", name)
		}
		if _, ok := ParseForeignName(ManifestName(file, "0123456789abcdef")); ok {
			t.Errorf("a manifest's name is taken for a record's")
		}
	})
	if a, b := ForeignName("a", 1, "v"), ForeignName("a", 1, "w"); a == b {
		t.Error("two versions share a name")
	}
}
