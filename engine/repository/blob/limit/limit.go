// Package limit bounds the bandwidth of a store, so that a backup leaves the network to those who need it.
//
// The limits hold for all operations on one store together, in each direction. They slow the reading and writing of
// objects; listing and deleting move next to nothing. Files staged into a directory are not limited: they do not
// cross a network. Start reading at [New].
package limit

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"golang.org/x/time/rate"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/internal/forward"
)

// Config says how much. 0 is no limit.
type Config struct {
	// Upload and Download are bytes per second.
	Upload, Download int64
}

type store struct {
	blob.Store
	up, down *rate.Limiter // nil: no limit
}

// New wraps a store. What it returns is a Stager or a Janitor if the store is one.
func New(inner blob.Store, cfg Config) blob.Store {
	s := &store{Store: inner, up: limiter(cfg.Upload), down: limiter(cfg.Download)}
	return forward.Optional(s, forward.Stager(inner), forward.Janitor(inner))
}

// The least and the most that may pass at once: a burst of a tenth of a second keeps the flow smooth, and a packet
// more or less does not matter.
const minBurst, maxBurst = 4 << 10, 1 << 20

func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	burst := min(max(bytesPerSecond/10, minBurst), maxBurst)
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(burst))
}

// Features are the store's own.
func (s *store) Features() blob.Features { return forward.Features(s.Store) }

// Put reads r no faster than the limit.
func (s *store) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	if s.up != nil {
		r = &reader{ctx: ctx, limiter: s.up, r: r}
	}
	return s.Store.Put(ctx, name, r, opts)
}

// Get returns a reader that is no faster than the limit.
func (s *store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, name, offset, length, match)
	if err != nil || s.down == nil {
		return r, err
	}
	limited := &body{reader{ctx: ctx, limiter: s.down, r: r}, r}
	if told, ok := r.(versioned); ok {
		return struct {
			io.ReadCloser
			versioned
		}{limited, told}, nil
	}
	return limited, nil
}

// versioned is a reader that tells which version it reads.
type versioned interface{ Version() string }

type reader struct {
	ctx     context.Context
	limiter *rate.Limiter
	r       io.Reader
}

// Read waits after the bytes have come: what follows them is what is held back.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p[:min(len(p), r.limiter.Burst())])
	if n == 0 {
		return n, err
	}
	if waitErr := r.limiter.WaitN(r.ctx, n); waitErr != nil {
		// The limiter also gives up at once, in words of its own, when the deadline will pass during the wait.
		return n, fmt.Errorf("%w: %w", cmp.Or(r.ctx.Err(), context.DeadlineExceeded), waitErr)
	}
	return n, err
}

type body struct {
	reader
	io.Closer
}
