package mvcc

import (
	"errors"
	"fmt"
)

// ErrDamaged is in the chain of every error that means "these are not the bytes of a sound etcd database".
var ErrDamaged = errors.New("damaged database")

// What HashKV refuses, in etcd's own words.
var (
	// ErrCompacted: the revision asked for lies below the compaction.
	ErrCompacted = errors.New("required revision has been compacted")
	// ErrFutureRev: the revision asked for is newer than the file.
	ErrFutureRev = errors.New("required revision is a future revision")
)

// DamageError says where a file is not what it should be. It wraps ErrDamaged.
type DamageError struct {
	// Page is the number of the page.
	Page uint64
	// Offset is the place in the file, in bytes.
	Offset int64
	// What is wrong there.
	What string
}

// Error names the place first, because the next step is often to look at it with a hex viewer.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: page %d (offset %d): %s", ErrDamaged, e.Page, e.Offset, e.What)
}

// Unwrap makes errors.Is(err, ErrDamaged) true.
func (e *DamageError) Unwrap() error { return ErrDamaged }

func damage(page uint64, offset int64, format string, args ...any) error {
	return &DamageError{Page: page, Offset: offset, What: fmt.Sprintf(format, args...)}
}
