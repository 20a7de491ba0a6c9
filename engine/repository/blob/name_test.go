package blob_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func TestNamesThatEveryStoreCanKeepAreValid(t *testing.T) {
	for _, name := range []string{
		"a", "a/b/c", ".metadata/x.holdfast-owner.json", "etcd-snapshot-node1-1652288934",
		"c-9dmxz-rl-8b2cx_2024-01-02T15:04:05Z.zip", "with space", "100%", "a+b", "ÄÖ/快照", "...", ".a", "a..b",
		strings.Repeat("x", 255), ".holdfast-x.partial", "holdfast-x.part",
	} {
		if err := blob.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v, want nil", name, err)
		}
	}
}

func TestNamesThatSomeStoreCannotKeepAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", `a\b`, "a\x00b", "a\nb", "a\tb", "a\x7fb", "a\xffb", "a\u009b31mb", "gpj.\u202ebd",
		strings.Repeat("x", 256), strings.Repeat("x/", 500) + "x",
		".holdfast-1234.part", "folder/.holdfast-1234.part", ".holdfast-1234.part/x",
	} {
		if err := blob.CheckName(name); !errors.Is(err, blob.ErrName) {
			t.Errorf("CheckName(%q) = %v, want ErrName", name, err)
		}
	}
}

func TestAValidNameHasOnlyValidSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		if blob.CheckName(name) != nil {
			return
		}
		for segment := range strings.SplitSeq(name, "/") {
			if err := blob.CheckName(segment); err != nil {
				t.Fatalf("%q is valid and its segment %q is not: %v", name, segment, err)
			}
		}
	})
}

func TestMetadataRulesAreTheSameForEveryStore(t *testing.T) {
	for name, test := range map[string]struct {
		metadata map[string]string
		valid    bool
	}{
		"none":                {nil, true},
		"usual":               {map[string]string{"upload-id": "c0ffee", "node": "cp-1"}, true},
		"punctuation":         {map[string]string{"a": `~!@#$%^&*()_+{}|:"<>?`}, true},
		"empty value":         {map[string]string{"a": ""}, true},
		"empty key":           {map[string]string{"": "a"}, false},
		"upper-case key":      {map[string]string{"Node": "a"}, false},
		"underscore in key":   {map[string]string{"a_b": "a"}, false},
		"line break in value": {map[string]string{"a": "b\r\nc"}, false},
		"unicode value":       {map[string]string{"a": "快"}, false},
		"space at the end":    {map[string]string{"a": "b "}, false},
		"too much":            {map[string]string{"a": strings.Repeat("x", 1024)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := blob.CheckMetadata(test.metadata)
			if test.valid != (err == nil) || (err != nil && !errors.Is(err, blob.ErrMetadata)) {
				t.Errorf("CheckMetadata(%v) = %v, want valid: %v", test.metadata, err, test.valid)
			}
		})
	}
}
