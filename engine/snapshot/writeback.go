package snapshot

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A file's dirty pages are handed to the disk in steps of this size while it is being written. Waiting for all of them
// in one fsync at the end would cost as much again.
const writeBackStep = 8 << 20

// writeBack writes a new file and starts its write-back early.
type writeBack struct {
	f               *os.File
	written, pushed int64
}

func newWriteBack(path string) (*writeBack, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &writeBack{f: f}, nil
}

func (w *writeBack) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.written += int64(n)
	if w.written-w.pushed >= writeBackStep {
		// Only a hint: the fsync before publication is what counts.
		_ = unix.SyncFileRange(int(w.f.Fd()), w.pushed, w.written-w.pushed, unix.SYNC_FILE_RANGE_WRITE)
		w.pushed = w.written
	}
	return n, err
}

func (w *writeBack) Close() error { return w.f.Close() }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// reporting tells progress of what is written to f.
func reporting(w io.Writer, phase Phase, total int64, progress Progress) io.Writer {
	var done int64
	return writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		done += int64(n)
		progress.report(phase, done, total)
		return n, err
	})
}
