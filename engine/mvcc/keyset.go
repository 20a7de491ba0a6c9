package mvcc

import (
	"bytes"
	"hash/maphash"
)

// keySet remembers which keys were met, in 11 to 22 bytes per key, and at most as much again in outgrown tables that
// wait for the garbage collector. A map of strings would take 100, and large databases hold ten million keys.
//
// It stores no key, only where the key lies in the file. A slot is 16 bits of the key's hash above 48 bits of position;
// 0 is an empty slot. Keys are spread by other bits of the hash over shards, which are small tables with open
// addressing that grow one by one; so at no time are two large tables held at once, and as a shard's index uses no
// more than the 16 bits in the slot, growing reads no key again. The hash is seeded: no file can be made to collide.
type keySet struct {
	data   []byte
	seed   maphash.Seed
	shift  int // of the hash, to get the shard
	shards []keyShard
	// noKey is set when a record without a key was met: etcdutl's --bump-revision writes one, without a value.
	noKey bool
}

type keyShard struct {
	slots []uint64
	used  int
}

const (
	tagBits      = 16
	positionBits = 64 - tagBits
	// shardKeys is how many keys a shard gets at most on average; its table can hold twice as many.
	shardKeys = 1 << (tagBits - 1)
	// minRecord is the size of the smallest record with a key in a page: element, revision, tag, length, one byte.
	minRecord = elementSize + revisionSize + 3
)

func newKeySet(data []byte) *keySet {
	bits := 0
	for len(data)/minRecord>>bits > shardKeys {
		bits++
	}
	return &keySet{data: data, seed: maphash.MakeSeed(), shift: 64 - bits, shards: make([]keyShard, 1<<bits)}
}

// add puts in the key whose length prefix stands at the given position of the file, and reports whether it is new.
func (s *keySet) add(key []byte, position int64) bool {
	if len(key) == 0 {
		isNew := !s.noKey
		s.noKey = true
		return isNew
	}
	hash := maphash.Bytes(s.seed, key)
	shard := &s.shards[hash>>s.shift] // a shift by 64 is 0 in Go
	if 4*shard.used >= 3*len(shard.slots) {
		shard.grow()
	}
	slot := hash<<positionBits | uint64(position)
	mask := len(shard.slots) - 1
	for i := int(slot>>positionBits) & mask; ; i = (i + 1) & mask {
		switch old := shard.slots[i]; {
		case old == 0:
			shard.slots[i] = slot
			shard.used++
			return true
		case old>>positionBits == slot>>positionBits && bytes.Equal(s.keyAt(old), key):
			return false
		}
	}
}

func (s *keySet) keyAt(slot uint64) []byte {
	const mask = 1<<positionBits - 1
	key, _ := lengthPrefixed(s.data[slot&mask:])
	return key
}

// grow doubles the table. A table of more than 1<<tagBits slots still works, only slower; it takes a hash that is
// not random to get there.
func (s *keyShard) grow() {
	const first = 8
	old := s.slots
	s.slots = make([]uint64, max(first, 2*len(old)))
	mask := len(s.slots) - 1
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := int(slot>>positionBits) & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = slot
	}
}
