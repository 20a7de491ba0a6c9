package mvcc

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

// keysInFile lays out keys as a file would, and returns their positions.
func keysInFile(keys []string) (data []byte, positions []int64) {
	data = []byte{0} // position 0 is never a key's
	for _, key := range keys {
		positions = append(positions, int64(len(data)))
		data = binary.AppendUvarint(data, uint64(len(key)))
		data = append(data, key...)
	}
	return data, positions
}

func TestAKeySetKnowsWhatItHasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringN(0, 3, 6), 0, 400).Draw(t, "keys")
		data, positions := keysInFile(keys)
		set, want := newKeySet(data), map[string]bool{}
		for i, key := range keys {
			if set.add([]byte(key), positions[i]) == want[key] {
				t.Fatalf("key %d, %q: seen before is %v", i, key, want[key])
			}
			want[key] = true
		}
	})
}

func TestAKeySetGrowsOverManyShards(t *testing.T) {
	var keys []string
	for i := range 200_000 {
		keys = append(keys, fmt.Sprintf("/registry/pods/namespace-%d/name-%d", i%50, i))
	}
	data, positions := keysInFile(keys)
	set := newKeySet(data)
	for _, isNew := range []bool{true, false} {
		for i, key := range keys {
			if set.add([]byte(key), positions[i]) != isNew {
				t.Fatalf("key %d: new is %v", i, !isNew)
			}
		}
	}
	var slots int
	for _, shard := range set.shards {
		slots += len(shard.slots)
	}
	if perKey := float64(8*slots) / float64(len(keys)); len(set.shards) < 2 || perKey > 22 {
		t.Errorf("%d shards, %.1f bytes per key", len(set.shards), perKey)
	}
}

func TestACRCFromTheTailIsThatOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "data")
		tail := tailCRC{data: data}
		kept := []byte("key")
		type piece struct{ start, end int64 }
		var pieces []piece
		for at := 0; at < len(data); {
			size := rapid.IntRange(1, 9).Draw(t, "size")
			end := min(at+size, len(data))
			if rapid.IntRange(0, 3).Draw(t, "drop") > 0 {
				pieces = append(pieces, piece{int64(at), int64(end)})
				kept = append(kept, data[at:end]...)
			}
			at = end
		}
		for i := len(pieces) - 1; i >= 0; i-- {
			tail.prepend(pieces[i].start, pieces[i].end)
		}
		if got, want := tail.sum([]byte("key")), crc32.Checksum(kept, castagnoli); got != want {
			t.Fatalf("%08x, want %08x", got, want)
		}
	})
}
