package snapshot

import (
	"context"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Buffers of this size are handed from the reader to the sinks: large enough to make the hand-over cheap, small enough
// that four of them are nothing.
const (
	flowBuffer  = 1 << 20
	flowBuffers = 4
)

// sink takes the bytes of a flow in order. It must not keep the slice.
type sink func(chunk []byte) error

type flowChunk struct {
	data    []byte
	pending atomic.Int32
}

// flow copies r to all sinks, each in a goroutine of its own, so that reading, hashing and writing overlap: on two
// cores a save that hashes is then as fast as one that does not. It returns the number of bytes when all sinks have
// taken all of them, or the first error; r is never read after flow has returned.
func flow(ctx context.Context, r io.Reader, sinks ...sink) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	free := make(chan *flowChunk, flowBuffers)
	for range flowBuffers {
		free <- &flowChunk{data: make([]byte, 0, flowBuffer)}
	}
	queues := make([]chan *flowChunk, len(sinks))
	for i, take := range sinks {
		queues[i] = make(chan *flowChunk, flowBuffers)
		group.Go(func() error { return drain(ctx, queues[i], free, take) })
	}
	var total int64
	group.Go(func() error {
		defer func() {
			for _, q := range queues {
				close(q)
			}
		}()
		n, err := feed(ctx, r, free, queues)
		total = n
		return err
	})
	err := group.Wait()
	return total, err
}

func feed(ctx context.Context, r io.Reader, free chan *flowChunk, queues []chan *flowChunk) (int64, error) {
	var total int64
	for {
		var c *flowChunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return total, context.Cause(ctx)
		}
		n, err := fill(r, c.data[:flowBuffer])
		total += int64(n)
		if n > 0 {
			c.data = c.data[:n]
			c.pending.Store(int32(len(queues)))
			for _, q := range queues {
				q <- c // never blocks: a queue holds as many as there are buffers
			}
		}
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// fill is io.ReadFull, except that the end of r is io.EOF wherever it comes: a reader's own io.ErrUnexpectedEOF means
// that the source was cut short, and must not look like the end of a last, shorter buffer.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	return n, err
}

func drain(ctx context.Context, queue, free chan *flowChunk, take sink) error {
	for {
		select {
		case c, open := <-queue:
			if !open {
				return nil
			}
			if err := take(c.data); err != nil {
				return err
			}
			if c.pending.Add(-1) == 0 {
				free <- c
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
