package snapshot

import (
	"io"

	"golang.org/x/sys/unix"
)

// A file's dirty pages are handed to the disk in steps of this size while it is being written. Waiting for all of them
// in one fsync at the end would cost as much again.
const writeBackStep = 8 << 20

// outputFile is an *os.File, or one that words its errors.
type outputFile interface {
	io.Writer
	io.ReaderAt
	Fd() uintptr
}

// output is a file that a database is written to, and read from while it grows.
type output struct {
	file outputFile
	tail *tailSpool
	// keep: the file is going to stay, and its write-back starts early.
	keep         bool
	size, pushed int64
	// wrote is told how much the file holds by then.
	wrote func(size int64)
}

func newOutput(file outputFile, wrote func(size int64)) *output {
	return &output{file: file, tail: newTailSpool(file), wrote: wrote}
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	o.size += int64(n)
	o.tail.grow(o.size)
	o.wrote(o.size)
	if o.keep && o.size-o.pushed >= writeBackStep {
		// Only a hint: the fsync before publication is what counts.
		_ = unix.SyncFileRange(int(o.file.Fd()), o.pushed, o.size-o.pushed, unix.SYNC_FILE_RANGE_WRITE)
		o.pushed = o.size
	}
	return n, err
}
