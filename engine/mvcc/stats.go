package mvcc

import (
	"cmp"
	"context"
	"slices"
	"strconv"
)

// Stats says what fills a database: live objects by Kubernetes resource and namespace, older revisions, free space.
type Stats struct {
	// Revision is the one at which the live objects are counted: the newest.
	Revision int64
	// Rows are sorted by Resource, Namespace, APIVersion, Kind, Provider.
	Rows []Row
	// Objects is the number of live keys, LiveBytes the size of their keys and values: the sums of the rows.
	Objects, LiveBytes int64
	// OldRecords are older revisions and deletions, which compaction removes.
	OldRecords, OldBytes int64
	// FreeBytes is in pages that hold nothing; a defragmentation gives them back.
	FreeBytes int64
	// Size of the file.
	Size int64
}

// Row counts the live objects of one kind in one namespace.
type Row struct {
	// Resource is the name that kubectl takes, such as "pods" or "deployments.apps". For keys that are not
	// Kubernetes objects (Foreign) it is the first segment of the key.
	Resource string
	// APIVersion and Kind stand in the stored object. They are empty when it is encrypted or foreign.
	APIVersion, Kind string
	// Namespace is empty for objects outside of namespaces.
	Namespace string
	// Provider encrypted the objects of this row: "aescbc", "secretbox", "kms", …; empty: they are readable.
	Provider string
	Foreign  bool

	Objects, Bytes int64
	// Encrypted is how many of the objects are encrypted at rest.
	Encrypted int64
}

// maxRows bounds the memory that a hostile file can claim; what is beyond is counted in a row of its own.
const maxRows = 1 << 17

// Stats reads the newest record of every key, checks the pages on the way as Check does, and tells resource and
// namespace from the key and the first fields of the value alone. Encrypted values are told apart by their prefix, and
// their resource and namespace guessed from the key.
func (f *File) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Size: int64(len(f.data))}
	rows := make(rowSet)
	err := f.guard(func() error {
		head, err := f.head(ctx)
		if err != nil {
			return err
		}
		s.Revision = head.Revision
		records := backwards{
			keys:    newKeySet(f.data),
			ceiling: head.Revision,
			each: func(_ *page, _ int, r *Record, newest bool) error {
				size := int64(len(r.Key) + len(r.Value))
				if !newest || !r.live() {
					s.OldRecords++
					s.OldBytes += size
					return nil
				}
				s.Objects++
				s.LiveBytes += size
				rows.add(identify(r.Key, r.Value), size)
				return nil
			},
		}
		structure, err := f.check(ctx, func(w *walk, b bucket) error {
			if b.name == "key" {
				w.visit, w.backward = records.visit, true
			}
			return nil
		})
		s.FreeBytes = structure.FreePages * int64(f.pageSize)
		return err
	})
	if err != nil {
		return Stats{}, err
	}
	s.Rows = rows.sorted()
	return s, nil
}

// rowSet finds a row by its rowKey, without making a string of each object.
type rowSet map[string]*Row

func (s rowSet) add(id identity, size int64) {
	var space [256]byte
	key := id.appendTo(space[:0])
	row := s[string(key)]
	if row == nil {
		row = s.newRow(string(key), id)
	}
	row.Objects++
	row.Bytes += size
	if len(id.provider) > 0 {
		row.Encrypted++
	}
}

func (s rowSet) newRow(key string, id identity) *Row {
	row := id.row()
	if len(s) >= maxRows {
		key, row = "", Row{Resource: "(more)", Foreign: true}
		if s[key] != nil {
			return s[key]
		}
	}
	s[key] = &row
	return &row
}

func (s rowSet) sorted() []Row {
	rows := make([]Row, 0, len(s))
	for _, row := range s {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.APIVersion, b.APIVersion),
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Provider, b.Provider),
			cmp.Compare(strconv.FormatBool(a.Foreign), strconv.FormatBool(b.Foreign)),
		)
	})
	return rows
}
