package mvcc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"
)

// File is an etcd database, mapped read-only.
//
// All methods may be called concurrently, save Close. Nothing in a File changes after Open: each method walks the
// pages anew and keeps nothing.
type File struct {
	data     []byte
	pageSize int
	meta     meta
	// metaDamage is what is wrong with the meta pages and does no harm.
	metaDamage error
	unmap      func([]byte) error
}

// Open maps the first size bytes of f; size < 0 means all of it. They must be the bare database: the caller cuts off
// the 32 bytes of SHA-256 that etcd appends to a snapshot.
//
// Open reads the two meta pages and no more. f stays the caller's, who keeps it open and unchanged until Close: should
// the file shrink meanwhile, methods return an error that wraps ErrDamaged.
func Open(f *os.File, size int64) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size < 0 {
		size = info.Size()
	}
	if size > info.Size() {
		return nil, damage(0, info.Size(), "the file has %d bytes, %d are needed", info.Size(), size)
	}
	if size < 2*minPageSize {
		return nil, damage(0, 0, "%d bytes are too few for a database", size)
	}
	// On a 32-bit system half of the address space is for everything else; keySet has bits for this much.
	const maxMapSize = min(math.MaxInt/2, int64(1)<<positionBits-1)
	if size > maxMapSize {
		return nil, fmt.Errorf("map %s: %d bytes are more than this machine can address", f.Name(), size)
	}
	data, err := mapFile(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	db, err := newFile(data, unmapFile)
	if err != nil {
		return nil, errors.Join(err, unmapFile(data))
	}
	return db, nil
}

// newFile reads the metas. Tests use it to look at bytes that are in no file.
func newFile(data []byte, unmap func([]byte) error) (*File, error) {
	f := &File{data: data, unmap: unmap}
	err := f.guard(func() error {
		return f.readMetas()
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Close removes the mapping. No other method may be running, and none may be called later.
func (f *File) Close() error {
	data := f.data
	f.data = nil
	if data == nil {
		return nil
	}
	return f.unmap(data)
}

// guard runs fn, which may touch the mapping. Everything that does so runs under it.
//
// Reading a mapped page that can't be had (the file was truncated, the disk gave up) is a SIGBUS, which ends the
// process unless the goroutine asked for a panic instead. Only faults inside the mapping become errors: any other
// panic is a bug, ours or the callback's, and must stay one.
func (f *File) guard(fn func() error) (err error) {
	if f.data == nil {
		return os.ErrClosed
	}
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if r := recover(); r != nil {
			offset, ok := f.faultOffset(r)
			if !ok {
				panic(r)
			}
			err = damage(f.pageAt(offset), offset, "the file can't be read here: it was truncated, or the disk has an error")
		}
	}()
	return fn()
}

func (f *File) faultOffset(r any) (int64, bool) {
	fault, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok || len(f.data) == 0 {
		return 0, false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(f.data)))
	addr := fault.Addr()
	return int64(addr - start), addr >= start && addr-start < uintptr(len(f.data))
}

func (f *File) pageAt(offset int64) uint64 {
	if f.pageSize == 0 {
		return 0
	}
	return uint64(offset) / uint64(f.pageSize)
}

// polled returns a function that is cheap enough to be called for every page and tells now and then whether ctx ended.
func polled(ctx context.Context) func() error {
	const every = 256
	n := 0
	return func() error {
		n++
		if n%every != 1 {
			return nil
		}
		return ctx.Err()
	}
}
