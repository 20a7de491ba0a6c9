package mvcc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Each case is what a hostile file could do to a reader that believes it.
func TestHostilePagesAreRefused(t *testing.T) {
	const pageSize = 1024
	good := rebuild(t, many(t), pageSize, true)
	f := good.open(t)
	pages := pagesOf(t, f, "key")
	root, first := pages[0], pages[1]
	if root.leaf || root.count < 3 {
		t.Fatal("the sample has no branch page")
	}
	leaf := pages[len(pages)-1]
	element := func(p page, i int) int { return int(p.offset) + pageHeaderSize + i*elementSize }
	last := leaf.count - 1
	for _, c := range []struct {
		name, want string
		spoil      func(m image)
	}{
		{"a branch that is its own child", "two references to one page", func(m image) {
			order.PutUint64(m[element(root, 0)+8:], root.id)
		}},
		{"two branches to one page", "two references to one page", func(m image) {
			order.PutUint64(m[element(root, 0)+8:], root.child(1))
		}},
		{"two branches to one empty page", "two references to one page", func(m image) {
			order.PutUint16(m[leaf.offset+10:], 0)
			order.PutUint64(m[element(root, root.count-2)+8:], leaf.id)
		}},
		{"a branch to a meta page", "which does not exist", func(m image) {
			order.PutUint64(m[element(root, 0)+8:], 1)
		}},
		{"a branch beyond the end", "which does not exist", func(m image) {
			order.PutUint64(m[element(root, 0)+8:], f.meta.end)
		}},
		{"a branch to a huge page number", "which does not exist", func(m image) {
			order.PutUint64(m[element(root, 0)+8:], 1<<63)
		}},
		{"a branch page without branches", "without a branch", func(m image) {
			order.PutUint16(m[root.offset+10:], 0)
		}},
		{"a bucket beyond the end", "the root of a bucket", func(m image) {
			order.PutUint64(m[m.bucket(f, "key"):], 1<<63)
		}},
		{"a bucket that is another's page", "two references to one page", func(m image) {
			order.PutUint64(m[m.bucket(f, "meta"):], root.id)
		}},
		{"a bucket that is the root page", "two references to one page", func(m image) {
			order.PutUint64(m[m.bucket(f, "key"):], f.meta.root)
		}},
		{"an inline bucket that is a branch", "an inline bucket that is not a leaf", func(m image) {
			order.PutUint16(m[m.bucket(f, "meta")+bucketHeaderSize+8:], flagBranch)
		}},
		{"an inline bucket with too many elements", "elements do not fit", func(m image) {
			order.PutUint16(m[m.bucket(f, "meta")+bucketHeaderSize+10:], 0xffff)
		}},
		{"an overflow beyond the end", "overflow pages go beyond the end", func(m image) {
			order.PutUint32(m[leaf.offset+12:], 1<<31)
		}},
		{"an overflow over other pages", "two references to one page", func(m image) {
			order.PutUint32(m[first.offset+12:], 1)
		}},
		{"more elements than fit", "elements do not fit", func(m image) {
			order.PutUint16(m[leaf.offset+10:], 0xffff)
		}},
		{"a page that is another", "the page says that it is page", func(m image) {
			order.PutUint64(m[leaf.offset:], leaf.id+1)
		}},
		{"a page of two types", "page type 0x3", func(m image) {
			order.PutUint16(m[leaf.offset+8:], flagLeaf|flagBranch)
		}},
		{"an element outside of its page", "misplaced", func(m image) {
			order.PutUint32(m[element(leaf, 0)+4:], pageSize)
		}},
		{"an element over its neighbour", "misplaced", func(m image) {
			order.PutUint32(m[element(leaf, 1)+4:], order.Uint32(m[element(leaf, 1)+4:])-1)
		}},
		{"a gap between elements", "misplaced", func(m image) {
			order.PutUint32(m[element(leaf, last)+4:], order.Uint32(m[element(leaf, last)+4:])+1)
		}},
		{"a key as long as memory", "go beyond the page", func(m image) {
			order.PutUint32(m[element(leaf, 0)+8:], 1<<32-1)
		}},
		{"a value as long as memory", "go beyond the page", func(m image) {
			order.PutUint32(m[element(leaf, 0)+12:], 1<<32-1)
		}},
		{"a key of no bytes", "misplaced or empty", func(m image) {
			order.PutUint32(m[element(leaf, 0)+8:], 0)
		}},
		{"unknown element flags", "unknown flags", func(m image) {
			order.PutUint32(m[element(leaf, 0):], 2)
		}},
		{"a bucket among the records", "a bucket among the records", func(m image) {
			order.PutUint32(m[element(leaf, 0):], bucketEntry)
		}},
		{"keys out of order", "the key is out of order", func(m image) {
			copy(m[int(leaf.offset):], swapped(leaf))
		}},
		{"a key below its branch", "the key is out of order", func(m image) {
			m.key(leaf, 0)[7] = 0
		}},
		{"a key beyond the next branch", "the key is not below the next branch", func(m image) {
			m.key(first, first.count-1)[0] = 0xff
		}},
		{"a root page beyond the end", "the root page", func(m image) {
			m.setMetas(pageSize, 16, f.meta.end)
		}},
		{"an end beyond the file", "the file ends here", func(m image) {
			m.setMetas(pageSize, 40, f.meta.end+1)
		}},
		{"a page size that is none", "impossible page size", func(m image) {
			order.PutUint32(m[pageHeaderSize+8:], pageSize+1)
		}},
		{"a freelist beyond the end", "the freelist page", func(m image) {
			m.setMetas(pageSize, 32, f.meta.end)
		}},
		{"a freelist that is a tree page", "the header of the freelist page", func(m image) {
			m.setMetas(pageSize, 32, root.id)
		}},
		{"a freelist over tree pages", "both tree and freelist", func(m image) {
			id := freeBeside(t, f, pages)
			order.PutUint64(m[id*pageSize:], id)
			order.PutUint16(m[id*pageSize+8:], flagFreelist)
			order.PutUint32(m[id*pageSize+12:], 1)
			m.setMetas(pageSize, 32, id)
		}},
		{"a freelist with a page in use", "which is in use", func(m image) {
			order.PutUint64(m[m.freelist(f):], leaf.id)
		}},
		{"a freelist with a page beyond the end", "out of bounds", func(m image) {
			order.PutUint64(m[m.freelist(f):], 1<<40)
		}},
		{"a freelist with a page twice", "named twice", func(m image) {
			copy(m[m.freelist(f):][:8], m[m.freelist(f)+8:])
		}},
		{"a freelist with more than there are", "do not fit on the freelist page", func(m image) {
			order.PutUint16(m[m.freelist(f)-6:], 0x7fff)
		}},
		{"a freelist with a huge count", "do not fit on the freelist page", func(m image) {
			order.PutUint16(m[m.freelist(f)-6:], 0xffff)
			order.PutUint64(m[m.freelist(f):], 1<<62)
		}},
		{"a freelist that forgets a page", "neither in use nor on the freelist", func(m image) {
			m[m.freelist(f)-6]--
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := image(bytes.Clone(good))
			c.spoil(bad)
			bad.sealMetas(pageSize)
			if bytes.Equal(bad, good) {
				t.Fatal("nothing was spoilt")
			}
			_, err := contentOf(t, bad, true)
			mustBeDamage(t, err)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// bucket is the offset of a bucket's header in the root page, which must be a leaf.
func (m image) bucket(f *File, name string) int {
	root, err := f.page(f.meta.root)
	if err != nil || !root.leaf {
		panic("the root page is no leaf")
	}
	for i := range root.count {
		if string(root.key(i)) == name {
			start, _ := root.span(i)
			return int(start) + len(name)
		}
	}
	panic("no bucket " + name)
}

// freeBeside returns a free page that is followed by one of pages.
func freeBeside(t *testing.T, f *File, pages []page) uint64 {
	t.Helper()
	list, err := f.freelist(f.newWalk(background, nil))
	if err != nil {
		t.Fatal(err)
	}
	for ; len(list) > 0; list = list[8:] {
		id := order.Uint64(list)
		if slices.ContainsFunc(pages, func(p page) bool { return p.id == id+1 }) {
			return id
		}
	}
	t.Fatal("no free page is followed by a page of the tree")
	return 0
}

func (m image) setMetas(pageSize, field int, value uint64) {
	for page := range 2 {
		order.PutUint64(m[page*pageSize+pageHeaderSize+field:], value)
	}
}

// freelist is the offset of the first page number on the freelist.
func (m image) freelist(f *File) int { return int(f.meta.freelist)*f.pageSize + pageHeaderSize }

func (m image) key(p page, i int) []byte {
	start, _ := p.span(i)
	return m[start:]
}

// swapped is a leaf with its first two keys exchanged.
func swapped(p page) []byte {
	data := bytes.Clone(p.data)
	a, sizeA, _ := p.sizes(0)
	b, _, _ := p.sizes(1)
	copy(data[a:a+sizeA], p.key(1))
	copy(data[b:], p.key(0))
	return data
}

func TestADeepTreeIsRefused(t *testing.T) {
	const pageSize, depth = 512, maxDepth + 1
	m := make(image, (2+depth+1)*pageSize)
	end := uint64(len(m) / pageSize)
	for page := uint64(2); page < end-1; page++ { // each with one child, the next page
		b := m[page*pageSize:]
		order.PutUint64(b, page)
		order.PutUint16(b[8:], flagBranch)
		order.PutUint16(b[10:], 1)
		order.PutUint32(b[16:], elementSize)
		order.PutUint32(b[20:], 1)
		order.PutUint64(b[24:], page+1)
		b[32] = 'k'
	}
	order.PutUint64(m[(end-1)*pageSize:], end-1)
	order.PutUint16(m[(end-1)*pageSize+8:], flagLeaf)
	for page := range uint64(2) {
		b := m[page*pageSize+pageHeaderSize:]
		order.PutUint32(b, metaMagic)
		order.PutUint32(b[4:], metaVersion)
		order.PutUint32(b[8:], pageSize)
	}
	m.setMetas(pageSize, 16, 2)
	m.setMetas(pageSize, 32, noFreelist)
	m.setMetas(pageSize, 40, end)
	m.sealMetas(pageSize)
	_, err := contentOf(t, m, true)
	mustBeDamage(t, err)
	if want := fmt.Sprintf("the tree is more than %d pages deep", maxDepth); err.(*DamageError).What != want {
		t.Error(err)
	}
}
