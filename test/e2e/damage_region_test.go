package e2e

import (
	"archive/zip"
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// region is a part of a file whose bytes mean the same.
type region struct {
	name  string
	spans [][2]int // from, to
}

func (g region) pick(r *rand.Rand) int {
	span := g.spans[r.IntN(len(g.spans))]
	return span[0] + r.IntN(span[1]-span[0])
}

// regionMap collects spans by name, in the order in which the names first came.
type regionMap struct {
	list  []region
	index map[string]int
}

func (m *regionMap) add(name string, from, to int) {
	if from >= to {
		return
	}
	if m.index == nil {
		m.index = map[string]int{}
	}
	i, known := m.index[name]
	if !known {
		i = len(m.list)
		m.index[name] = i
		m.list = append(m.list, region{name: name})
	}
	m.list[i].spans = append(m.list[i].spans, [2]int{from, to})
}

// pageKinds asks bbolt what each page of a database is.
func pageKinds(t *testing.T, db []byte) (kinds []string, pageSize int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	write(t, path, db)
	opened, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	pageSize = opened.Info().PageSize
	err = opened.View(func(tx *bolt.Tx) error {
		for id := 0; id*pageSize < len(db); id++ {
			page, err := tx.Page(id)
			if err != nil || page == nil {
				return err
			}
			kinds = append(kinds, page.Type)
			if page.Type == "free" { // its header is that of a former life
				continue
			}
			for range page.OverflowCount { // they belong to it, and have no header
				kinds = append(kinds, "overflow")
				id++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds, pageSize
}

// rawRegions are those of a payload: the pages by what they are, the parts of a leaf, and etcd's hash at the end.
func rawRegions(t *testing.T, payload []byte) []region {
	t.Helper()
	var m regionMap
	db := payload[:len(payload)-32]
	kinds, size := pageKinds(t, db)
	for id, kind := range kinds {
		from := id * size
		switch {
		case id < 2:
			m.add("meta header", from, from+16)
			m.add("meta", from+16, from+16+64)
			m.add("behind a meta", from+16+64, from+size)
		case kind == "leaf":
			leafRegions(&m, db, from, size)
		case kind == "overflow": // a long value
			m.add("value", from, from+size)
		default:
			m.add(kind+" page", from, from+size)
		}
	}
	m.add("beyond the last page", len(kinds)*size, len(db))
	m.add("trailer", len(db), len(payload))
	return m.list
}

func leafRegions(m *regionMap, db []byte, from, size int) {
	const header, element = 16, 16
	count := number(db[from+10:], 2)
	m.add("leaf header", from, from+header)
	m.add("leaf elements", from+header, from+header+count*element)
	end := from + header + count*element
	for i := range count {
		at := from + header + i*element
		key := at + number(db[at+4:], 4)
		value := key + number(db[at+8:], 4)
		end = value + number(db[at+12:], 4)
		m.add("key", key, value)
		m.add("value", value, min(end, from+size))
	}
	m.add("slack of a leaf", end, from+size)
}

// number is a little-endian one of n bytes, as bbolt writes it on the machines that these tests run on.
func number(b []byte, n int) int {
	v := 0
	for i := range n {
		v |= int(b[i]) << (8 * i)
	}
	return v
}

// zstdRegions are those of one zstd frame.
func zstdRegions(file []byte) []region {
	var m regionMap
	m.add("zstd magic", 0, 4)
	m.add("zstd frame header", 4, 10)
	m.add("zstd first block", 10, 200)
	m.add("zstd middle", 200, len(file)-200)
	m.add("zstd last block", len(file)-200, len(file)-4)
	m.add("zstd checksum", len(file)-4, len(file))
	return m.list
}

// zipRegions are those of an archive.
func zipRegions(t *testing.T, file []byte) []region {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var m regionMap
	at := 0
	for _, entry := range archive.File {
		offset, err := entry.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		data, end := int(offset), int(offset)+int(entry.CompressedSize64)
		m.add("zip local header", at, data)
		m.add("deflate beginning", data, min(data+200, end))
		m.add("deflate middle", data+200, end-200)
		m.add("deflate end", max(end-200, data), end)
		m.add("zip data descriptor", end, end+16)
		at = end + 16
	}
	eocd := bytes.LastIndex(file, []byte("PK\x05\x06"))
	m.add("zip directory", at, eocd)
	m.add("zip end", eocd, len(file))
	return m.list
}

// manifestRegions: every byte of a manifest is told by its own checksum, so there is little to tell apart.
func manifestRegions(file []byte) []region {
	var m regionMap
	body := bytes.IndexByte(file, ':') + 1
	end := bytes.LastIndexByte(file, '{')
	m.add("manifest frame", 0, body)
	m.add("manifest", body, end)
	m.add("manifest end", end, len(file))
	return m.list
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	var found []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != "holdfast-owner.json" {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s holds %v", dir, found)
	}
	return found[0]
}
