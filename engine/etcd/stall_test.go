package etcd

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
)

// pacedSource is a sound stream of one-byte messages, each of which takes a while. It stands in for gRPC so that time
// can be made to pass: sockets do not take part in that.
type pacedSource struct {
	grpc.ClientStream
	ctx   context.Context
	pace  time.Duration
	total int
	sent  int
}

func (p *pacedSource) RecvMsg(v any) error {
	select {
	case <-time.After(p.pace):
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	if p.sent == p.total {
		return io.EOF
	}
	p.sent++
	m := v.(*message)
	m.blob, m.remaining = append(m.blob, []byte{1}), uint64(max(0, p.total-trailerSize-p.sent))
	return nil
}

// pacedStream has begun: the size is known.
func pacedStream(ctx context.Context, pace, stall time.Duration) *Stream {
	const total = 50
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Stream{ctx: ctx, cancel: cancel, stall: stall, database: total - trailerSize}
	s.source = &pacedSource{ctx: ctx, pace: pace, total: total}
	s.timer = time.AfterFunc(stall, func() { cancel(ErrStalled) })
	s.timer.Stop()
	return s
}

func TestAStreamThatNeverPausesForTooLongMayTakeAsLongAsItWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pacedStream(t.Context(), 29*time.Second, 30*time.Second)
		defer s.Close()
		if _, err := readAll(s); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestAStreamThatPausesForTooLongIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pacedStream(t.Context(), 31*time.Second, 30*time.Second)
		defer s.Close()
		if _, err := readAll(s); !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
	})
}

func TestTheStallTimerRestsWhileTheCallerIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pacedStream(t.Context(), 20*time.Second, 30*time.Second)
		defer s.Close()
		for {
			_, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
	})
}
