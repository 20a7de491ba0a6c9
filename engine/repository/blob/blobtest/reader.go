package blobtest

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
)

// failing gives its bytes and then err instead of io.EOF. With together, err comes in the Read of the last bytes.
type failing struct {
	data     []byte
	err      error
	together bool
}

func (f *failing) Read(p []byte) (int, error) {
	n := copy(p, f.data)
	f.data = f.data[n:]
	if len(f.data) == 0 && (n == 0 || f.together) {
		return n, f.err
	}
	return n, nil
}

// gated gives its bytes, says that it has, and holds the io.EOF back until it is let go or ctx ends.
type gated struct {
	ctx    context.Context
	data   []byte
	drawn  chan struct{} // closed when all bytes have been read
	letEnd chan struct{} // closed by the test
	said   atomic.Bool
}

func newGated(ctx context.Context, data []byte) *gated {
	return &gated{ctx: ctx, data: data, drawn: make(chan struct{}), letEnd: make(chan struct{})}
}

func (g *gated) Read(p []byte) (int, error) {
	if len(g.data) > 0 {
		n := copy(p, g.data)
		g.data = g.data[n:]
		return n, nil
	}
	if g.said.CompareAndSwap(false, true) {
		close(g.drawn)
	}
	select {
	case <-g.letEnd:
		return 0, io.EOF
	case <-g.ctx.Done():
		return 0, context.Cause(g.ctx)
	}
}

// awaitDrawn waits until the store has read every byte and waits for the end.
func (g *gated) awaitDrawn(t *testing.T) {
	t.Helper()
	select {
	case <-g.drawn:
	case <-g.ctx.Done():
		t.Fatal("the store never read all bytes of r")
	}
}

// solitary fails the test when it is read by two goroutines at once, or after it has ended.
type solitary struct {
	t     *testing.T
	r     io.Reader
	busy  atomic.Bool
	ended atomic.Bool
}

func (s *solitary) Read(p []byte) (int, error) {
	if !s.busy.CompareAndSwap(false, true) {
		s.t.Error("r is read by two goroutines at once")
	}
	defer s.busy.Store(false)
	if s.ended.Load() {
		s.t.Error("r is read after Put has returned")
	}
	return s.r.Read(p)
}

// cancelling ends a context after some of its bytes, and goes on as if nothing had happened.
type cancelling struct {
	r      io.Reader
	after  int
	cancel context.CancelFunc
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.after -= n; c.after <= 0 {
		c.cancel()
	}
	return n, err
}
