package mvcc

import (
	"fmt"
	"os"
)

// DeclareFull makes bbolt believe that the database in f, which Check has found sound, has no free page: it appends an
// empty freelist and names it in the meta page in force.
//
// etcd stores no freelist, so a bbolt that opens a file for writing walks all of it to find out which pages are free,
// and holds a map of all others meanwhile: a fifth of a second and a dozen MiB for each GiB. One small transaction can
// do without free pages. What it writes is appended, its commit takes the false list out again (with NoFreelistSync),
// and the etcd that opens the file next finds all free pages as ever.
//
// A stored freelist stays as it is. The file must be the caller's alone, and is spoiled when an error is returned.
func DeclareFull(f *os.File) error {
	db, err := Open(f, -1)
	if err != nil {
		return err
	}
	m, size := db.meta, db.pageSize
	content := append([]byte(nil), db.data[m.offset+pageHeaderSize:][:metaSize]...)
	if err := db.Close(); err != nil {
		return err
	}
	if m.freelist != noFreelist {
		return nil
	}
	list := make([]byte, size)
	order.PutUint64(list, m.end)
	order.PutUint16(list[8:], flagFreelist)
	if _, err := f.WriteAt(list, int64(m.end)*int64(size)); err != nil {
		return fmt.Errorf("append a freelist: %w", err)
	}
	order.PutUint64(content[32:], m.end)
	order.PutUint64(content[40:], m.end+1)
	order.PutUint64(content[metaSize-8:], metaSum(content))
	if _, err := f.WriteAt(content, m.offset+pageHeaderSize); err != nil {
		return fmt.Errorf("name the freelist: %w", err)
	}
	return nil
}
