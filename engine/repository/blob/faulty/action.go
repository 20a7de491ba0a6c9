package faulty

import (
	"context"
	"errors"
	"io"
	"time"
)

// Action is a way to go wrong.
type Action struct {
	kind  kind
	at    int64 // byte, or object of a listing
	err   error
	delay time.Duration
}

type kind string

const (
	fail    kind = "fail"
	lose    kind = "lose"
	cut     kind = "cut"
	stall   kind = "stall"
	slow    kind = "slow"
	corrupt kind = "corrupt"
)

// Fail makes the operation fail before anything has happened. A nil err is one that a retry is meant for.
func Fail(err error) Action { return Action{kind: fail, err: injected(err)} }

// Lose lets the operation happen and then loses its answer.
func Lose(err error) Action { return Action{kind: lose, err: injected(err)} }

// Cut breaks the stream after so many bytes, a listing after so many objects.
func Cut(after int64, err error) Action { return Action{kind: cut, at: after, err: injected(err)} }

// Stall lets so many bytes through and then nothing, until the context ends.
func Stall(after int64) Action { return Action{kind: stall, at: after} }

// Slow waits before the operation, and before each further read of its stream.
func Slow(delay time.Duration) Action { return Action{kind: slow, delay: delay} }

// Corrupt turns one bit of the stream's byte at the given place (counted from where the operation began).
func Corrupt(at int64) Action { return Action{kind: corrupt, at: at} }

// injected marks the caller's error as one of ours.
func injected(err error) error {
	if err == nil {
		return transient{}
	}
	return errors.Join(ErrInjected, err)
}

// before is what the fault does before the operation. A nil fault does nothing.
func (f *Fault) before(ctx context.Context) error {
	if f == nil {
		return nil
	}
	switch f.Do.kind {
	case fail:
		return f.Do.err
	case slow:
		return pause(ctx, f.Do.delay)
	case stall:
		if streams := f.Op == Put || f.Op == Get || f.Op == List || f.Op == Stage; streams {
			return nil // in the stream
		}
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// after is what the fault says instead of success.
func (f *Fault) after() error {
	if f == nil || f.Do.kind != lose {
		return nil
	}
	return f.Do.err
}

// at is what happens once so much has gone through.
func (f *Fault) at(ctx context.Context, done int64) error {
	if f == nil || done < f.Do.at {
		return nil
	}
	switch f.Do.kind {
	case cut:
		return f.Do.err
	case stall:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// room is how many of n further bytes may go through before the fault.
func (f *Fault) room(done int64, n int) int {
	if f == nil || f.Do.kind != cut && f.Do.kind != stall {
		return n
	}
	return int(min(int64(n), max(f.Do.at-done, 0)))
}

func (f *Fault) stream(ctx context.Context, r io.Reader) io.Reader {
	if f == nil {
		return r
	}
	return &stream{ctx: ctx, fault: f, r: r}
}

type stream struct {
	ctx   context.Context
	fault *Fault
	r     io.Reader
	done  int64
}

// Read gives bytes until the fault.
func (s *stream) Read(p []byte) (int, error) {
	if s.fault.Do.kind == slow {
		if err := pause(s.ctx, s.fault.Do.delay); err != nil {
			return 0, err
		}
	}
	if err := s.fault.at(s.ctx, s.done); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p[:s.fault.room(s.done, len(p))])
	if place := s.fault.Do.at - s.done; s.fault.Do.kind == corrupt && place >= 0 && place < int64(n) {
		p[place] ^= 1
	}
	s.done += int64(n)
	return n, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
