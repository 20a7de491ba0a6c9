package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// trailerSize is the SHA-256 that etcd appends to the database.
const trailerSize = 32

const (
	defaultStallTimeout = 30 * time.Second
	// maxEmpty is how many messages without payload in a row are believed. A sound server sends none. One whose read of
	// its own database fails half-way (etcd 3.5 to 3.7) sends them for ever, thousands a second.
	maxEmpty = 16
)

// What is wrong with a stream. All of them make another member worth a try.
var (
	// ErrStalled: no byte arrived for StallTimeout.
	ErrStalled = errors.New("the snapshot stream makes no progress")
	// ErrShort: the server ended the stream before all bytes that it had announced had arrived.
	ErrShort = errors.New("the snapshot stream ended too early")
	// ErrLong: more bytes arrived than the server had announced.
	ErrLong = errors.New("the snapshot stream is longer than announced")
	// ErrHollow: the server sends messages without payload, which means that it could not read its own database.
	ErrHollow = errors.New("the server sends empty snapshot messages: it can't read its own database")
	// ErrInconsistent: a message contradicts what was announced and received so far.
	ErrInconsistent = errors.New("the snapshot stream contradicts itself")
)

// StreamConfig bounds a stream.
type StreamConfig struct {
	// StallTimeout is how long the server may send nothing while it is being waited for. It does not run while the
	// caller is busy with what it got. Default 30s.
	StallTimeout time.Duration
}

// Stream is a snapshot on its way. It is for one goroutine; only Close may be called from another.
type Stream struct {
	endpoint string
	source   grpc.ClientStream
	stall    time.Duration
	timer    *time.Timer
	ctx      context.Context
	cancel   context.CancelCauseFunc
	lock     *memberLock

	member   uint64
	version  string
	database int64 // announced size
	arrived  int64 // of the database and the trailer
	message  message
	pieces   [][]byte
	err      error // why it ended
}

// Size is what the whole stream has: the database and the 32 bytes of its SHA-256.
func (s *Stream) Size() int64 { return s.database + trailerSize }

// Version is the storage version that the server announced, such as "3.6.0"; "" before etcd 3.6, and in the first
// seconds of a new cluster.
func (s *Stream) Version() string { return s.version }

// Member is the id of the member that sends it.
func (s *Stream) Member() uint64 { return s.member }

// Next returns the next bytes, at most 16 KiB or so, valid until the next call. It returns io.EOF only when Size bytes
// have been returned and the server has ended the stream without an error. Any other error is final, and wraps one of
// the package's errors, the context's, or what the connection said.
//
// The SHA-256 is in the last 32 bytes; comparing it is up to the caller, who reads every byte anyway.
func (s *Stream) Next() ([]byte, error) {
	for len(s.pieces) == 0 {
		if s.err != nil {
			return nil, s.err
		}
		if err := s.receive(); err != nil {
			s.end(err)
			return nil, s.err
		}
	}
	piece := s.pieces[0]
	s.pieces = s.pieces[1:]
	return piece, nil
}

// Close ends the stream, whether it was read to its end or not. It is safe to call more than once.
func (s *Stream) Close() error {
	s.timer.Stop()
	s.cancel(errStreamClosed)
	return s.lock.release()
}

var errStreamClosed = errors.New("the snapshot stream was closed")

// end frees what the stream holds on both sides. The lock goes too: once the stream has ended, the server has let go of
// its read transaction, and the caller may be busy for long with what it got.
func (s *Stream) end(err error) {
	if err != io.EOF {
		err = s.explain(err)
	}
	s.err = err
	s.message.release()
	s.Close()
}

// explain says what happened to a stream that had begun.
func (s *Stream) explain(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	e := &problem.Error{
		Kind: problem.Failed, Op: "receive the snapshot from", Subject: s.endpoint, Err: err,
		Next: "try another member, and look at this one's log",
	}
	if errors.Is(err, ErrStalled) || status.Code(err) == codes.Unavailable {
		e.Kind = problem.Unreachable
	}
	return e
}

// receive waits for the next message with payload.
func (s *Stream) receive() error {
	s.timer.Reset(s.stall)
	defer s.timer.Stop()
	for range maxEmpty {
		s.message.release()
		err := s.source.RecvMsg(&s.message)
		if err == io.EOF {
			return s.finished()
		}
		if err != nil {
			return err
		}
		if len(s.message.blob) > 0 {
			return s.accept()
		}
	}
	return fmt.Errorf("%w, %d of %d bytes arrived", ErrHollow, s.arrived, s.Size())
}

// accept counts a message.
func (s *Stream) accept() error {
	s.arrived += int64(s.message.size())
	switch left := s.database - s.arrived; {
	case s.arrived > s.Size():
		return fmt.Errorf("%w: %d bytes", ErrLong, s.Size())
	case left >= 0 && s.message.remaining != uint64(left), left < 0 && s.message.remaining != 0:
		return fmt.Errorf("%w: %d bytes are said to remain, it should be %d", ErrInconsistent, s.message.remaining, max(left, 0))
	}
	s.pieces = s.message.blob
	return nil
}

func (s *Stream) finished() error {
	if s.arrived != s.Size() {
		return fmt.Errorf("%w: %d of %d bytes", ErrShort, s.arrived, s.Size())
	}
	return io.EOF
}

// start opens the stream and reads its first message, which says how much will come. The stall timer covers it all: to
// open a stream may include a login.
func (s *Stream) start(cc *grpc.ClientConn) error {
	s.timer.Reset(s.stall)
	defer s.timer.Stop()
	var err error
	s.source, err = cc.NewStream(s.ctx, &grpc.StreamDesc{ServerStreams: true}, pb.Maintenance_Snapshot_FullMethodName,
		grpc.ForceCodecV2(snapshotCodec{}))
	if err != nil {
		return err
	}
	if err := s.source.SendMsg(&pb.SnapshotRequest{}); err != nil && err != io.EOF {
		return err // io.EOF: the server has ended the stream already; RecvMsg says why
	}
	if err := s.source.CloseSend(); err != nil {
		return err
	}
	return s.first()
}

func (s *Stream) first() error {
	err := s.source.RecvMsg(&s.message)
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w: it is empty", ErrShort)
	case err != nil:
		return err
	case len(s.message.blob) == 0:
		return fmt.Errorf("%w, from the start", ErrHollow)
	case s.message.remaining > maxDatabase:
		return fmt.Errorf("%w: %d bytes are said to remain", ErrInconsistent, s.message.remaining)
	}
	s.database = int64(s.message.remaining) + int64(s.message.size())
	s.version = s.message.version
	return s.accept()
}

// maxDatabase keeps a lying size from overflowing; bbolt itself ends far below.
const maxDatabase = 1 << 50
