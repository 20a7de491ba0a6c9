package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// stalledError is a connection that moved nothing for the whole limit.
type stalledError struct{ limit time.Duration }

func (e *stalledError) Error() string { return "the connection moved nothing for " + e.limit.String() }

// Timeout and Temporary make it a net.Error.
func (e *stalledError) Timeout() bool   { return true }
func (e *stalledError) Temporary() bool { return true }

// stallGuard ends requests that have stopped to move. A limit on the whole request would have to allow for the
// slowest link; a limit on silence need not: any byte sent or received begins it anew. It does not run while the
// caller is busy with bytes that have come.
//
// It also takes the request's body away from the connection when the request is over: net/http may go on to read it
// after that, and the buffer behind it is used again for another part.
type stallGuard struct {
	next  http.RoundTripper
	limit time.Duration
}

// RoundTrip sends one request.
func (g *stallGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{limit: g.limit, ctx: ctx, cancel: cancel}
	w.timer = time.AfterFunc(g.limit, func() { cancel(&stalledError{g.limit}) })
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		body := &requestBody{inner: req.Body, watch: w}
		req.Body, req.GetBody = body, nil
		defer body.detach()
	}
	resp, err := g.next.RoundTrip(req)
	w.timer.Stop()
	if err != nil {
		err = w.cause(err)
		cancel(nil)
		return nil, err
	}
	resp.Body = &responseBody{inner: resp.Body, watch: w}
	return resp, nil
}

// watch is the limit of one request.
type watch struct {
	limit  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// cause returns the stall if that is why the request ended.
func (w *watch) cause(err error) error {
	if stalled, ok := errors.AsType[*stalledError](context.Cause(w.ctx)); ok {
		return stalled
	}
	return err
}

var errRequestOver = errors.New("the request is over")

// requestBody begins the limit anew with each piece that the connection takes.
type requestBody struct {
	mu    sync.Mutex
	inner io.ReadCloser // nil when detached
	watch *watch
}

// Read gives bytes to the connection.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inner == nil {
		return 0, errRequestOver
	}
	b.watch.timer.Reset(b.watch.limit)
	return b.inner.Read(p)
}

// Close is for net/http.
func (b *requestBody) Close() error {
	b.detach()
	return nil
}

func (b *requestBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inner = nil
}

// responseBody limits each wait for bytes.
type responseBody struct {
	inner io.ReadCloser
	watch *watch
}

// Read waits for bytes.
func (b *responseBody) Read(p []byte) (int, error) {
	b.watch.timer.Reset(b.watch.limit)
	n, err := b.inner.Read(p)
	b.watch.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.watch.cause(err)
	}
	return n, err
}

// Close ends the request.
func (b *responseBody) Close() error {
	err := b.inner.Close()
	b.watch.timer.Stop()
	b.watch.cancel(nil)
	return err
}
