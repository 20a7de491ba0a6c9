// Package ranged reads one object over several connections at once, in order.
//
// One connection to an object store is often slower than the disk that waits for it, because of latency and of limits
// per connection. The reader asks for a few chunks ahead and hands them out in order, from buffers that it uses
// again: what it holds in memory does not grow with the object. Every chunk is asked for with the object's version, so
// that an object that is replaced meanwhile is [blob.ErrChanged] and never a mixture.
//
// It does not retry: put it over a store that does. Start reading at [NewReader].
package ranged

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Config tunes the reader. It holds Chunk times Parallel bytes at most.
type Config struct {
	// Chunk is how many bytes one request asks for. 0: 8 MiB.
	Chunk int
	// Parallel is how many requests run at once. 0: 4.
	Parallel int
}

// Reader is an io.ReadCloser over one version of one object. It is for one goroutine.
type Reader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	fetcher sync.WaitGroup
	ahead   chan chan chunk // in order of the object
	free    chan []byte     // buffers to use again
	current chunk
	rest    []byte // of current
}

// chunk is a piece of the object, or why there is none.
type chunk struct {
	buffer []byte
	err    error
}

// NewReader begins to read the object that info, from Stat or List, describes. The caller closes the reader.
//
// Read returns io.ErrUnexpectedEOF when the object is shorter than info says and blob.ErrChanged when it was
// replaced; after an error, every further Read returns it again. ctx bounds the whole reading.
func NewReader(ctx context.Context, store blob.Store, info blob.Info, cfg Config) (*Reader, error) {
	if info.Version == "" {
		return nil, errors.New("read in parallel: the object's version is not known")
	}
	size := min(int64(cmp.Or(cfg.Chunk, 8<<20)), max(info.Size, 1))
	parallel := cmp.Or(cfg.Parallel, 4)
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{ctx: ctx, cancel: cancel, ahead: make(chan chan chunk, parallel), free: make(chan []byte, parallel)}
	for range parallel {
		r.free <- nil // made when it is first needed
	}
	r.fetcher.Go(func() { r.fetch(store, info, size) })
	return r, nil
}

// fetch starts one request for each free buffer, in order.
func (r *Reader) fetch(store blob.Store, info blob.Info, size int64) {
	defer close(r.ahead)
	for offset := int64(0); offset < info.Size; offset += size {
		var buffer []byte
		select {
		case buffer = <-r.free:
		case <-r.ctx.Done():
			return
		}
		if buffer == nil {
			buffer = make([]byte, size)
		}
		buffer = buffer[:min(size, info.Size-offset)]
		result := make(chan chunk, 1)
		r.ahead <- result // never blocks: there is room for as many as there are buffers
		r.fetcher.Go(func() {
			result <- chunk{buffer, load(r.ctx, store, info, offset, buffer)}
		})
	}
}

// load fills the buffer with the object's bytes from offset on.
func load(ctx context.Context, store blob.Store, info blob.Info, offset int64, buffer []byte) error {
	body, err := store.Get(ctx, info.Name, offset, int64(len(buffer)), info.Version)
	if err != nil {
		return err
	}
	if _, err = io.ReadFull(body, buffer); err != nil {
		err = fmt.Errorf("read %s at %d: %w", store.Location(info.Name), offset, err)
	}
	return errors.Join(err, body.Close())
}

// Read gives the next bytes of the object.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// advance gives the used buffer back and waits for the next chunk.
func (r *Reader) advance() error {
	if r.current.err != nil {
		return r.current.err
	}
	if r.current.buffer != nil {
		r.free <- r.current.buffer[:cap(r.current.buffer)]
		r.current = chunk{}
	}
	select {
	case result, more := <-r.ahead:
		r.current = r.await(result, more)
	case <-r.ctx.Done():
		r.current.err = r.ctx.Err()
	}
	if r.current.err != nil {
		r.cancel() // the chunks behind it are of no use
		return r.current.err
	}
	r.rest = r.current.buffer
	return nil
}

func (r *Reader) await(result chan chunk, more bool) chunk {
	if err := r.ctx.Err(); err != nil {
		return chunk{err: err}
	}
	if !more {
		return chunk{err: io.EOF}
	}
	select {
	case c := <-result:
		return c
	case <-r.ctx.Done():
		return chunk{err: r.ctx.Err()}
	}
}

// Close ends all requests and waits until they have ended.
func (r *Reader) Close() error {
	r.cancel()
	r.fetcher.Wait()
	return nil
}
