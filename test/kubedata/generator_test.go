package kubedata

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

func TestTheSameSeedGivesTheSameObjects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewGenerator(rapid.Uint64().Draw(t, "seed"))
		i, generation := rapid.IntRange(0, 1<<20).Draw(t, "i"), rapid.IntRange(0, 50).Draw(t, "generation")
		if diff := cmp.Diff(g.Object(i, generation), g.Object(i, generation)); diff != "" {
			t.Errorf("twice object %d: %s", i, diff)
		}
	})
}

func TestAnUpdateKeepsTheKeyAndChangesTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewGenerator(rapid.Uint64().Draw(t, "seed"))
		i, generation := rapid.IntRange(0, 1<<20).Draw(t, "i"), rapid.IntRange(0, 50).Draw(t, "generation")
		old, updated := g.Object(i, generation), g.Object(i, generation+1)
		if old.Key != updated.Key {
			t.Errorf("key was %s, is %s", old.Key, updated.Key)
		}
		if bytes.Equal(old.Value, updated.Value) {
			t.Errorf("the value of %s did not change", old.Key)
		}
	})
}

func TestKeysAreUnique(t *testing.T) {
	g := NewGenerator(1)
	seen := make(map[string]int)
	for i := range 10_000 {
		key := g.Object(i, 0).Key
		if first, ok := seen[key]; ok {
			t.Fatalf("objects %d and %d are both %s", first, i, key)
		}
		seen[key] = i
	}
}

func TestSizesAreThoseOfARealCluster(t *testing.T) {
	g := NewGenerator(1)
	const n = 5_000
	total, largest, leased := 0, 0, 0
	for i := range n {
		o := g.Object(i, 0)
		total += len(o.Value)
		largest = max(largest, len(o.Value))
		if o.Leased {
			leased++
		}
	}
	if mean := total / n; mean < 3_500 || mean > 4_500 {
		t.Errorf("mean size %d", mean)
	}
	if largest < 6_000 || largest > 12_000 {
		t.Errorf("largest %d", largest)
	}
	if leased < n/10 || leased > n/4 {
		t.Errorf("%d of %d have a lease", leased, n)
	}
}

// The API server tells storage encodings apart by the first bytes, and so do we.
func TestEachValueIsInOneOfThreeStorageEncodings(t *testing.T) {
	g := NewGenerator(1)
	count := make(map[string]int)
	for i := range 3_000 {
		o := g.Object(i, i%3)
		switch {
		case bytes.HasPrefix(o.Value, []byte("k8s\x00")):
			count["typed"]++
			name := metadataName(t, o)
			if !strings.HasSuffix(o.Key, "/"+name) {
				t.Errorf("%s is called %q inside", o.Key, name)
			}
		case bytes.HasPrefix(o.Value, []byte("k8s:enc:aescbc:v1:")):
			count["encrypted"]++
		default:
			count["json"]++
			if !json.Valid(o.Value) {
				t.Errorf("%s is not JSON", o.Key)
			}
		}
	}
	if len(count) != 3 {
		t.Errorf("encodings: %v", count)
	}
}

func TestManagedFieldsAreJSON(t *testing.T) {
	for name, text := range map[string]string{
		"pod":    podFields(pairs{"a": "1", "b/c": "2"}, []string{"one", "two"}),
		"status": podStatusFields(),
	} {
		if !json.Valid([]byte(text)) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// metadataName reads runtime.Unknown.raw, then metadata, then name.
func metadataName(t *testing.T, o Object) string {
	t.Helper()
	raw := fieldOf(t, o.Value[4:], 2)
	return string(fieldOf(t, fieldOf(t, raw, 1), 1))
}

// fieldOf returns the first length-delimited field of that number.
func fieldOf(t *testing.T, m []byte, want protowire.Number) []byte {
	t.Helper()
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatalf("tag: %v", protowire.ParseError(n))
		}
		m = m[n:]
		if number == want && kind == protowire.BytesType {
			v, n := protowire.ConsumeBytes(m)
			if n < 0 {
				t.Fatalf("field %d: %v", number, protowire.ParseError(n))
			}
			return v
		}
		if n = protowire.ConsumeFieldValue(number, kind, m); n < 0 {
			t.Fatalf("field %d: %v", number, protowire.ParseError(n))
		}
		m = m[n:]
	}
	t.Fatalf("no field %d", want)
	return nil
}

func BenchmarkObject(b *testing.B) {
	g := NewGenerator(1)
	bytes := 0
	for i := 0; b.Loop(); i++ {
		bytes += len(g.Object(i, 0).Value)
	}
	b.SetBytes(int64(bytes / b.N))
}
