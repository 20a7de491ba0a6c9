package snapshot

import (
	"context"
	"io"
	"sync"
)

// tailSpool lets an upload follow a file that is still being written. The reader sees the end only when the writer has
// released it: after the last byte the content is checked, and an upload that reached io.EOF would be published.
type tailSpool struct {
	file io.ReaderAt

	mu      sync.Mutex
	size    int64
	done    bool
	err     error
	changed chan struct{}
}

func newTailSpool(file io.ReaderAt) *tailSpool {
	return &tailSpool{file: file, changed: make(chan struct{})}
}

// grow tells readers that the file now has size bytes.
func (t *tailSpool) grow(size int64) { t.update(func() { t.size = size }) }

// release ends the file: readers get io.EOF, or err.
func (t *tailSpool) release(err error) {
	t.update(func() {
		if !t.done {
			t.done, t.err = true, err
		}
	})
}

func (t *tailSpool) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	close(t.changed)
	t.changed = make(chan struct{})
}

// reader reads the file from the start.
func (t *tailSpool) reader(ctx context.Context) io.Reader {
	return &tailReader{ctx: ctx, spool: t}
}

type tailReader struct {
	ctx   context.Context
	spool *tailSpool
	at    int64
}

func (r *tailReader) Read(p []byte) (int, error) {
	for {
		r.spool.mu.Lock()
		size, done, err, changed := r.spool.size, r.spool.done, r.spool.err, r.spool.changed
		r.spool.mu.Unlock()
		switch {
		case done && err != nil:
			return 0, err
		case r.at < size:
			n, err := r.spool.file.ReadAt(p[:min(int64(len(p)), size-r.at)], r.at)
			r.at += int64(n)
			if n > 0 && err == io.EOF { // the part that was asked for ends where the file ends just now
				err = nil
			}
			if n == 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		case done:
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
	}
}
