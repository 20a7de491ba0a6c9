package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Why a stream is not begun. Both come wrapped in a problem of kind Refused.
var (
	// ErrStreamBusy: another process of this host is receiving a snapshot from the same member.
	ErrStreamBusy = errors.New("another snapshot of this member is being taken from this host")
	// ErrDefragmenting: the member rewrites its database. A snapshot stream and a defragmentation block each other, and
	// with them every write.
	ErrDefragmenting = errors.New("the member is being defragmented")
)

// Snapshot begins to receive a snapshot from a member, normally the first of [Choice.Candidates], at the endpoint at
// which it was inspected. It first asks for the member's status, so that one which hangs, or another one that answers
// there now, is noticed before anything is held open on it.
//
// ctx bounds the whole stream. The caller must Close it.
func (c *Client) Snapshot(ctx context.Context, m Member, cfg StreamConfig) (*Stream, error) {
	conn, err := c.conn(m.Endpoint)
	if err != nil {
		return nil, err
	}
	st, err := request(ctx, conn, askStatus)
	if err != nil {
		return nil, err
	}
	if id := st.GetHeader().GetMemberId(); m.ID != 0 && id != m.ID {
		return nil, &problem.Error{
			Kind: problem.Refused, Op: "take a snapshot from", Subject: m.Endpoint,
			Why:  fmt.Sprintf("member %s answers there now, not %s (%s)", FormatID(id), m.Label(), FormatID(m.ID)),
			Next: "name each member's own endpoint instead of a load balancer's",
		}
	}
	lock, err := lockMember(c.cfg.LockDir, st.GetHeader())
	if err != nil {
		return nil, refuse(m.Endpoint, err, "wait until it has ended")
	}
	s, err := conn.open(ctx, st, cfg)
	if err != nil {
		lock.release()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// open checks for a defragmentation and opens the stream.
func (c *conn) open(ctx context.Context, st *pb.StatusResponse, cfg StreamConfig) (*Stream, error) {
	if c.defragmenting(ctx) {
		return nil, refuse(c.raw, ErrDefragmenting, "wait until it is done, or take another member")
	}
	cc, err := c.dial(ctx)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if cfg.StallTimeout <= 0 {
		cfg.StallTimeout = defaultStallTimeout
	}
	s := &Stream{endpoint: c.raw, stall: cfg.StallTimeout, member: st.GetHeader().GetMemberId()}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.timer = time.AfterFunc(s.stall, func() {
		s.cancel(fmt.Errorf("%w: nothing arrived for %v", ErrStalled, s.stall))
	})
	if err := s.start(cc); err != nil {
		defer s.Close()
		if isStreamError(err) || context.Cause(s.ctx) != nil {
			return nil, s.explain(err)
		}
		return nil, c.explain(ctx, err)
	}
	return s, nil
}

func isStreamError(err error) bool {
	return errors.Is(err, ErrShort) || errors.Is(err, ErrHollow) || errors.Is(err, ErrInconsistent) || errors.Is(err, ErrLong)
}

func refuse(endpoint string, err error, next string) error {
	e := &problem.Error{Kind: problem.Refused, Op: "take a snapshot from", Subject: endpoint, Next: next, Err: err}
	if !errors.Is(err, ErrStreamBusy) && !errors.Is(err, ErrDefragmenting) {
		e.Kind, e.Next = problem.Failed, "" // the lock file itself
	}
	return e
}
