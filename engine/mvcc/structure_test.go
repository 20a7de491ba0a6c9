package mvcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

// image is a database in memory that a test may spoil.
type image []byte

// rebuild copies a database into one with another page size and, if asked, a stored freelist: with the root of every
// bucket on its own pages, branches, overflow pages and free pages, it has all there is.
func rebuild(t testing.TB, from string, pageSize int, freelist bool) image {
	t.Helper()
	source, err := bbolt.Open(from, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	path := filepath.Join(t.TempDir(), "rebuilt")
	to, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize, NoFreelistSync: !freelist, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alarm", "auth", "cluster", "key", "members", "meta"} {
		copyBucket(t, source, to, name)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fromBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	return data[:int(f.meta.end)*f.pageSize]
}

// copyBucket copies one bucket in a transaction of its own, so that pages are freed on the way.
func copyBucket(t testing.TB, from, to *bbolt.DB, name string) {
	t.Helper()
	err := from.View(func(source *bbolt.Tx) error {
		return to.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			return source.Bucket([]byte(name)).ForEach(b.Put)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// many is a database with enough records for branch pages.
func many(t testing.TB) string {
	t.Helper()
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	s.settle()
	for i := range 400 {
		s.put(fmt.Sprintf("/registry/pods/default/%d", i%250), fmt.Sprintf("value %d of a pod", i))
	}
	path := s.path + ".snapshot"
	s.snapshot(path)
	s.stop()
	return path
}

// sealMetas makes the checksums of both meta pages right again.
func (m image) sealMetas(pageSize int) {
	for page := range 2 {
		b := m[page*pageSize+pageHeaderSize:][:metaSize]
		sum := fnv.New64a()
		sum.Write(b[:metaSize-8])
		order.PutUint64(b[metaSize-8:], sum.Sum64())
	}
}

func (m image) open(t testing.TB) *File {
	t.Helper()
	f, err := fromBytes(m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// pagesOf lists the tree pages of a bucket, root first.
func pagesOf(t testing.TB, f *File, name string) []page {
	t.Helper()
	all, err := f.buckets(f.newWalk(background, nil))
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.page(find(all, name).root)
	if err != nil {
		t.Fatal(err)
	}
	pages := []page{root}
	for i := 0; i < len(pages); i++ {
		for n := 0; !pages[i].leaf && n < pages[i].count; n++ {
			p, err := f.page(pages[i].child(n))
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, p)
		}
	}
	return pages
}

func TestEveryPageSizeIsRead(t *testing.T) {
	path := many(t)
	want, err := openFor(t, path).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1024; size <= maxPageSize; size *= 2 {
		for _, freelist := range []bool{false, true} {
			got, err := rebuild(t, path, size, freelist).open(t).Content(background)
			if err != nil {
				t.Fatalf("page size %d, freelist %v: %v", size, freelist, err)
			}
			if got.Head.PageSize != size || got.HashKV != want.HashKV || got.Records != want.Records {
				t.Errorf("page size %d, freelist %v: %+v", size, freelist, got)
			}
		}
	}
}

func TestTheStructureIsWhatBboltCounts(t *testing.T) {
	path := many(t)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	got, err := openFor(t, path).Check(background)
	if err != nil {
		t.Fatal(err)
	}
	var want Structure
	err = db.View(func(tx *bbolt.Tx) error {
		want.PageSize = db.Info().PageSize
		want.Pages = tx.Size() / int64(want.PageSize)
		want.FreePages = int64(db.Stats().FreePageN)
		want.PagesInUse = want.Pages - want.FreePages
		want.BytesInUse = want.PagesInUse * int64(want.PageSize)
		want.Leaves = 1 // of the root bucket
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			s := b.Stats()
			want.Branches += int64(s.BranchPageN)
			want.Leaves += int64(s.LeafPageN)
			want.Overflow += int64(s.BranchOverflowN + s.LeafOverflowN)
			want.Depth = max(want.Depth, s.Depth)
			count := Bucket{Name: string(name), Records: int64(s.KeyN)}
			err := b.ForEach(func(k, v []byte) error {
				count.Bytes += int64(len(k) + len(v))
				return nil
			})
			want.Buckets = append(want.Buckets, count)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Branches == 0 || got.FreePages == 0 {
		t.Error("the sample has no branch or no free page")
	}
}

func TestOneSoundMetaIsEnough(t *testing.T) {
	path := many(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := image(good).open(t).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][]int{{0}, {1}, {0, 1}} {
		bad := image(bytes.Clone(good))
		for _, page := range at {
			bad[page*4096+pageHeaderSize+20] ^= 1
		}
		f, err := fromBytes(bad)
		if len(at) == 2 {
			mustBeDamage(t, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Content(background)
		if err != nil {
			t.Fatal(err)
		}
		mustBeDamage(t, got.Structure.MetaDamage)
		if got.HashKV != want.HashKV || got.Head.Revision != want.Head.Revision {
			t.Errorf("meta %d: %+v", at, got)
		}
	}
}

func TestAMachineOfTheOtherByteOrderIsNamed(t *testing.T) {
	data := make(image, 2*4096)
	copy(data[pageHeaderSize:], []byte{0xED, 0x0C, 0xDA, 0xED})
	copy(data[4096+pageHeaderSize:], []byte{0xED, 0x0C, 0xDA, 0xED})
	if order.Uint32([]byte{0xED, 0x0C, 0xDA, 0xED}) == metaMagic {
		t.Skip("this machine is of that byte order")
	}
	_, err := fromBytes(data)
	var d *DamageError
	if !errors.As(err, &d) || d.What != "the database was written by a machine of the other byte order" {
		t.Error(err)
	}
}

func TestADatabaseThatIsNotEtcdsIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f := openFor(t, path)
	if _, err := f.Check(background); err != nil {
		t.Errorf("its pages are sound, but Check says %v", err)
	}
	_, err = f.Content(background)
	mustBeDamage(t, err)
}

func TestACancelledContextEndsTheWalk(t *testing.T) {
	f := openFor(t, many(t))
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := f.Content(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Content: %v", err)
	}
	if _, err := f.HashKV(ctx, 0, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("HashKV: %v", err)
	}
}
