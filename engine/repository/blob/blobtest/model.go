package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// testModel drives the store and a map side by side through random histories and compares all that can be seen after
// each step.
func testModel(t *testing.T, s Suite) {
	store, history := s.New(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		history++
		m := &model{store: store, folder: fmt.Sprintf("history-%d/", history), want: map[string][]byte{}, t: t}
		steps := rapid.SliceOfN(rapid.SampledFrom([]func(*rapid.T){m.put, m.putIfAbsent, m.delete, m.read}), 1, 8).Draw(rt, "steps")
		for _, step := range steps {
			step(rt)
			m.check(rt)
		}
		for name := range m.want { // keeps later listings of the whole store short
			if err := store.Delete(bounded(t), m.folder+name); err != nil {
				rt.Fatalf("Delete %s: %v", name, err)
			}
		}
	})
}

type model struct {
	t      *testing.T
	store  blob.Store
	folder string
	want   map[string][]byte
}

func (m *model) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b/c", "b-c", "b/d/e"}).Draw(t, "name")
}

func (m *model) data(t *rapid.T) []byte {
	return Content(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 3000).Draw(t, "size"))
}

func (m *model) put(t *rapid.T) {
	name, data := m.name(t), m.data(t)
	if _, err := m.store.Put(bounded(m.t), m.folder+name, bytes.NewReader(data), blob.PutOptions{}); err != nil {
		t.Fatalf("Put %s: %v", name, err)
	}
	m.want[name] = data
}

func (m *model) putIfAbsent(t *rapid.T) {
	name, data := m.name(t), m.data(t)
	_, taken := m.want[name]
	_, err := m.store.Put(bounded(m.t), m.folder+name, bytes.NewReader(data), blob.PutOptions{IfAbsent: true})
	if taken != errors.Is(err, blob.ErrExists) || !taken && err != nil {
		t.Fatalf("Put %s if absent: %v, taken: %v", name, err, taken)
	}
	if !taken {
		m.want[name] = data
	}
}

func (m *model) delete(t *rapid.T) {
	name := m.name(t)
	if err := m.store.Delete(bounded(m.t), m.folder+name); err != nil {
		t.Fatalf("Delete %s: %v", name, err)
	}
	delete(m.want, name)
}

// read compares a random range, in and out of bounds.
func (m *model) read(t *rapid.T) {
	name := m.name(t)
	offset, length := rapid.Int64Range(0, 3500).Draw(t, "offset"), rapid.Int64Range(-1, 3500).Draw(t, "length")
	got, err := read(bounded(m.t), m.store, m.folder+name, offset, length, "")
	data, there := m.want[name]
	size := int64(len(data))
	switch {
	case !there:
		if !errors.Is(err, blob.ErrNotExist) {
			t.Fatalf("Get %s: %v, want ErrNotExist", name, err)
		}
	case offset > size || length >= 0 && offset+length > size:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("Get %s (%d, %d) of %d bytes: %v, want io.ErrUnexpectedEOF", name, offset, length, size, err)
		}
	default:
		if length < 0 {
			length = size - offset
		}
		if err != nil || !bytes.Equal(got, data[offset:offset+length]) {
			t.Fatalf("Get %s (%d, %d) of %d bytes: %d bytes, %v", name, offset, length, size, len(got), err)
		}
	}
}

func (m *model) check(t *rapid.T) {
	var got []string
	err := m.store.List(bounded(m.t), m.folder, func(info blob.Info) error {
		name := strings.TrimPrefix(info.Name, m.folder)
		got = append(got, name)
		if info.Size != int64(len(m.want[name])) {
			t.Errorf("List shows %s with %d bytes, want %d", name, info.Size, len(m.want[name]))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(m.want)), got); diff != "" {
		t.Fatalf("List (-want +got):\n%s", diff)
	}
}
