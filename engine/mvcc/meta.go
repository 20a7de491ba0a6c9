package mvcc

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/bits"
)

// The page sizes that are looked for when the first meta page is unreadable: those of all systems that etcd runs on.
const (
	minPageSize = 512
	maxPageSize = 64 << 10
)

const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64
	// noFreelist stands for the freelist's page when it is not stored; etcd on Linux never stores it.
	noFreelist = ^uint64(0)
)

// order is the byte order of the file: bbolt writes the machine's own, and reads no other.
var order = binary.NativeEndian

// meta is the content of a meta page: where the root of everything is. A database has two, written in turn, so that
// one is sound after a crash.
type meta struct {
	page     uint64
	offset   int64
	pageSize int
	root     uint64
	freelist uint64
	// end is the first page number that was never used.
	end  uint64
	txid uint64
}

// readMetas finds the page size and the meta in force, as bbolt does: of the sound ones that with the higher
// transaction id. Choosing another one than bbolt would mean to check one database and to open a different one. The
// second meta may be damaged without harm: see Structure.MetaDamage.
func (f *File) readMetas() error {
	first, err0 := f.metaAt(0, 0)
	if err0 == nil {
		second, err1 := f.metaAt(1, first.pageSize)
		return f.choose(first, err0, second, err1)
	}
	for size := minPageSize; size <= maxPageSize; size *= 2 {
		if second, err := f.metaAt(1, size); err == nil {
			return f.choose(first, err0, second, err)
		}
	}
	return err0
}

func (f *File) choose(first meta, err0 error, second meta, err1 error) error {
	f.meta = first
	if err0 != nil || err1 == nil && second.txid > first.txid {
		f.meta = second
	}
	if err := f.meta.check(); err != nil {
		return err
	}
	f.pageSize = f.meta.pageSize
	f.metaDamage = errors.Join(err0, err1, f.metaHeader(0), f.metaHeader(1))
	size := int64(len(f.data))
	if size%int64(f.pageSize) != 0 {
		return damage(f.pageAt(size), size, "%d bytes are not a whole number of %d-byte pages", size, f.pageSize)
	}
	if pages := uint64(size) / uint64(f.pageSize); f.meta.end > pages {
		return damage(pages, size, "the file ends here, but %d pages are in use", f.meta.end)
	}
	return nil
}

// metaAt reads meta page 0 or 1. It returns an error for what makes bbolt disregard the page, and only for that.
func (f *File) metaAt(page uint64, pageSize int) (meta, error) {
	start := int64(page) * int64(pageSize)
	if start+pageHeaderSize+metaSize > int64(len(f.data)) {
		return meta{}, damage(page, start, "no room for a meta page")
	}
	b := f.data[start+pageHeaderSize:][:metaSize]
	if what := metaFault(b); what != "" {
		return meta{}, damage(page, start, "%s", what)
	}
	return meta{
		page:     page,
		offset:   start,
		pageSize: int(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		end:      order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}, nil
}

// metaHeader checks the page header above a meta, which bbolt never looks at, save in its own check.
func (f *File) metaHeader(page uint64) error {
	start := int64(page) * int64(f.pageSize)
	if start+pageHeaderSize > int64(len(f.data)) {
		return nil
	}
	head := f.data[start:][:pageHeaderSize]
	if order.Uint64(head) == page && order.Uint16(head[8:]) == flagMeta {
		return nil
	}
	return damage(page, start, "the header of the meta page is wrong")
}

func metaFault(b []byte) string {
	magic := order.Uint32(b)
	switch {
	case magic == bits.ReverseBytes32(metaMagic):
		return "the database was written by a machine of the other byte order"
	case magic != metaMagic:
		return "not a database: the magic number is wrong"
	case order.Uint32(b[4:]) != metaVersion:
		return "unknown format version"
	case order.Uint64(b[metaSize-8:]) != metaSum(b):
		return "the checksum of the meta page is wrong"
	}
	return ""
}

// metaSum is the checksum that stands at the end of a meta.
func metaSum(b []byte) uint64 {
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	return sum.Sum64()
}

// check refuses what no writer puts into a meta page with a good checksum.
func (m meta) check() error {
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || bits.OnesCount(uint(m.pageSize)) != 1 {
		return damage(m.page, m.offset, "impossible page size %d", m.pageSize)
	}
	if m.page == 1 && m.offset != int64(m.pageSize) {
		return damage(m.page, m.offset, "page size %d in a meta page at offset %d", m.pageSize, m.offset)
	}
	if m.root < 2 || m.root >= m.end {
		return damage(m.page, m.offset, "the root page %d is out of bounds", m.root)
	}
	return nil
}
