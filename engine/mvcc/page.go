package mvcc

import "bytes"

const (
	pageHeaderSize   = 16
	elementSize      = 16
	bucketHeaderSize = 16
)

// What a page is, in its header.
const (
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
)

// bucketEntry marks a leaf element whose value is a bucket.
const bucketEntry = 0x01

// page is a node of a tree: a page together with its overflow pages, or the body of an inline bucket, which has the
// same layout inside another page's element.
//
//	header   id 8, flags 2, count 2, overflow 4
//	branch   count × {position 4, key size 4, child page 8}, then the keys
//	leaf     count × {flags 4, position 4, key size 4, value size 4}, then key, value, key, value, …
//
// A position counts from the start of its element. Writers put the keys and values one after the other, in the order
// of the elements and without a gap, and check insists on it. This bounds the work on a page by its size (elements of
// a hostile page could otherwise all name the same large value), finds flipped positions and sizes, and makes the
// input of HashKV contiguous.
type page struct {
	id     uint64
	offset int64 // of data, in the file
	data   []byte
	leaf   bool
	count  int
	pages  int // with the overflow pages; 0 for an inline bucket
}

// page returns the tree page of that number. Its header is checked, its elements are not.
func (f *File) page(id uint64) (page, error) {
	if id < 2 || id >= f.meta.end {
		return page{}, damage(id, 0, "the root of a bucket, but the file has %d pages", f.meta.end)
	}
	offset := int64(id) * int64(f.pageSize)
	head := f.data[offset:][:pageHeaderSize]
	if own := order.Uint64(head); own != id {
		return page{}, damage(id, offset, "the page says that it is page %d", own)
	}
	overflow := uint64(order.Uint32(head[12:]))
	if overflow >= f.meta.end-id {
		return page{}, damage(id, offset, "%d overflow pages go beyond the end", overflow)
	}
	pages := int(overflow) + 1
	return parsePage(id, offset, f.data[offset:][:pages*f.pageSize], pages)
}

func parsePage(id uint64, offset int64, data []byte, pages int) (page, error) {
	p := page{id: id, offset: offset, data: data, count: int(order.Uint16(data[10:])), pages: pages}
	switch flags := order.Uint16(data[8:]); flags {
	case flagLeaf:
		p.leaf = true
	case flagBranch:
		if p.count == 0 {
			return page{}, damage(id, offset, "a branch page without a branch")
		}
	default:
		return page{}, damage(id, offset, "page type %#x where a branch or a leaf is needed", flags)
	}
	if pageHeaderSize+p.count*elementSize > len(data) {
		return page{}, damage(id, offset, "%d elements do not fit", p.count)
	}
	return p, nil
}

func (p *page) element(i int) []byte {
	return p.data[pageHeaderSize+i*elementSize:][:elementSize:elementSize]
}

// sizes returns the position in the page and the sizes of an element's key and value, unchecked.
func (p *page) sizes(i int) (at, keySize, valueSize int64) {
	e := p.element(i)
	at = int64(pageHeaderSize + i*elementSize)
	if p.leaf {
		return at + int64(order.Uint32(e[4:])), int64(order.Uint32(e[8:])), int64(order.Uint32(e[12:]))
	}
	return at + int64(order.Uint32(e)), int64(order.Uint32(e[4:])), 0
}

// key returns a key of a page that passed check.
func (p *page) key(i int) []byte {
	at, size, _ := p.sizes(i)
	return p.data[at:][:size:size]
}

// value returns a value of a leaf that passed check.
func (p *page) value(i int) []byte {
	at, keySize, size := p.sizes(i)
	return p.data[at+keySize:][:size:size]
}

// span returns where an element's key and value lie in the file, for a page that passed check.
func (p *page) span(i int) (start, end int64) {
	at, keySize, valueSize := p.sizes(i)
	return p.offset + at, p.offset + at + keySize + valueSize
}

func (p *page) flags(i int) uint32 { return order.Uint32(p.element(i)) }

func (p *page) child(i int) uint64 { return order.Uint64(p.element(i)[8:]) }

// check verifies every element: inside the page, one after the other without a gap, and with keys that strictly
// ascend from low (inclusive) to high (exclusive). nil means no bound.
func (p *page) check(low, high []byte) error {
	next := int64(pageHeaderSize + p.count*elementSize)
	previous := low
	for i := range p.count {
		at, keySize, valueSize := p.sizes(i)
		if at != next || keySize == 0 {
			return p.damage(i, "the key is misplaced or empty")
		}
		next = at + keySize + valueSize
		if next > int64(len(p.data)) {
			return p.damage(i, "%d bytes of key and value go beyond the page", keySize+valueSize)
		}
		if p.leaf && p.flags(i)&^bucketEntry != 0 {
			return p.damage(i, "unknown flags %#x", p.flags(i))
		}
		key := p.data[at:][:keySize:keySize]
		if c := bytes.Compare(previous, key); c > 0 || c == 0 && i > 0 {
			return p.damage(i, "the key is out of order")
		}
		previous = key
	}
	if high != nil && p.count > 0 && bytes.Compare(previous, high) >= 0 {
		return p.damage(p.count-1, "the key is not below the next branch")
	}
	return nil
}

func (p *page) damage(i int, format string, args ...any) error {
	kind := "branch"
	if p.leaf {
		kind = "leaf"
	}
	offset := p.offset + int64(pageHeaderSize+i*elementSize)
	return damage(p.id, offset, kind+" element %d: "+format, append([]any{i}, args...)...)
}
