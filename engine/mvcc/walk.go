package mvcc

import (
	"context"
	"math/bits"
)

// maxDepth bounds the recursion. A tree of depth 12 with two branches per page would be larger than any etcd; sound
// ones are at most five deep.
const maxDepth = 32

// walk goes through trees and checks every page on the way. Each page may be met once only in the life of a walk, so
// that whatever the pages claim, the work is bounded by the size of the file.
type walk struct {
	file *File
	poll func() error
	// seen holds one bit for each page that was met.
	seen []uint64
	// visit is called for each leaf, which has passed its checks.
	visit func(*page) error
	// backward goes from the last key to the first. visit still gets whole leaves.
	backward bool

	count treeCount
	// path holds the pages from the root down to where the walk is: one array for all pages of a file, because a
	// page that is handed to visit would otherwise be allocated each.
	path [maxDepth + 1]page
}

// treeCount is what a walk has seen.
type treeCount struct {
	branches, leaves int64
	overflow         int64 // pages that only continue another
	records          int64
	bytes            int64 // of keys and values
	depth            int
}

func (f *File) newWalk(ctx context.Context, visit func(*page) error) *walk {
	return &walk{
		file:  f,
		poll:  polled(ctx),
		seen:  make([]uint64, (f.meta.end+63)/64),
		visit: visit,
	}
}

// bucket walks one bucket.
func (w *walk) bucket(b bucket) error {
	if b.inline == nil {
		return w.node(b.root, nil, nil, 1)
	}
	if err := b.inline.check(nil, nil); err != nil {
		return err
	}
	return w.atLeaf(b.inline, 1)
}

// node walks the tree below a page, whose keys must lie from low to high.
func (w *walk) node(id uint64, low, high []byte, depth int) error {
	if err := w.poll(); err != nil {
		return err
	}
	if depth > maxDepth {
		return damage(id, int64(id)*int64(w.file.pageSize), "the tree is more than %d pages deep", maxDepth)
	}
	p := &w.path[depth]
	var err error
	if *p, err = w.file.page(id); err != nil {
		return err
	}
	for n := range uint64(p.pages) {
		if !w.mark(id + n) {
			return damage(id+n, p.offset, "two references to one page")
		}
	}
	if err := p.check(low, high); err != nil {
		return err
	}
	w.count.overflow += int64(p.pages - 1)
	if p.leaf {
		return w.atLeaf(p, depth)
	}
	w.count.branches++
	return w.children(p, high, depth)
}

func (w *walk) children(p *page, high []byte, depth int) error {
	for n := range p.count {
		i := n
		if w.backward {
			i = p.count - 1 - n
		}
		top := high
		if i+1 < p.count {
			top = p.key(i + 1)
		}
		child := p.child(i)
		if child < 2 || child >= w.file.meta.end {
			return p.damage(i, "it leads to page %d, which does not exist", child)
		}
		if err := w.node(child, p.key(i), top, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) atLeaf(p *page, depth int) error {
	w.count.depth = max(w.count.depth, depth)
	if p.pages > 0 {
		w.count.leaves++
	}
	w.count.records += int64(p.count)
	if p.count > 0 {
		start, _ := p.span(0)
		_, end := p.span(p.count - 1)
		w.count.bytes += end - start
	}
	if w.visit == nil {
		return nil
	}
	return w.visit(p)
}

// mark records a page and reports whether it is met for the first time.
func (w *walk) mark(id uint64) bool {
	word, bit := &w.seen[id/64], uint64(1)<<(id%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

func (w *walk) marked() int64 {
	n := 0
	for _, word := range w.seen {
		n += bits.OnesCount64(word)
	}
	return int64(n)
}
