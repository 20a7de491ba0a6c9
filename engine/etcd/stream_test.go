package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestAStreamDeliversExactlyWhatTheServerSent(t *testing.T) {
	db := testDatabase()
	s, err := openRogue(t, play(messages(db), nil), StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Size() != int64(len(db))+32 || s.Version() != "3.6.0" || s.Member() != rogueMember {
		t.Errorf("size %d, version %q, member %x", s.Size(), s.Version(), s.Member())
	}
	got, err := readAll(s)
	if err != io.EOF {
		t.Fatal(err)
	}
	sum := sha256.Sum256(db)
	if !bytes.Equal(got, append(db, sum[:]...)) {
		t.Error("the bytes differ")
	}
	if _, err := s.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestAFewEmptyMessagesAreNoTrouble(t *testing.T) {
	all := messages(testDatabase())
	empty := &pb.SnapshotResponse{RemainingBytes: all[0].RemainingBytes}
	all = slices.Insert(all, 1, empty, empty)
	s, err := openRogue(t, play(all, nil), StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(s); err != io.EOF {
		t.Error(err)
	}
}

// sentFor sends good messages, then the same one for ever.
func sentFor(good []*pb.SnapshotResponse, last *pb.SnapshotResponse, pause time.Duration) *rogue {
	return &rogue{snapshot: func(send func(*pb.SnapshotResponse) error, ctx context.Context) error {
		for _, m := range good {
			if err := send(m); err != nil {
				return err
			}
		}
		for {
			if last != nil {
				if err := send(last); err != nil {
					return err
				}
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
	}}
}

func TestAServerThatLiesOrBreaksGivesAnErrorAndNeverAnEnd(t *testing.T) {
	all := messages(testDatabase())
	n := len(all)
	empty := &pb.SnapshotResponse{}
	changed := func(at int, change func(*pb.SnapshotResponse)) []*pb.SnapshotResponse {
		m := &pb.SnapshotResponse{RemainingBytes: all[at].RemainingBytes, Blob: all[at].Blob, Version: all[at].Version}
		change(m)
		return slices.Replace(slices.Clone(all), at, at+1, m)
	}
	brief := StreamConfig{StallTimeout: 200 * time.Millisecond}
	lazy := StreamConfig{StallTimeout: time.Minute}
	for _, c := range []struct {
		name  string
		rogue *rogue
		cfg   StreamConfig
		want  error
		kind  problem.Kind
	}{
		{"empty messages for ever", sentFor(all[:3], empty, 0), lazy, ErrHollow, problem.Failed},
		{"empty messages, slowly", sentFor(all[:3], empty, 20*time.Millisecond), brief, ErrStalled, problem.Unreachable},
		{"empty messages from the start", sentFor(nil, empty, 0), lazy, ErrHollow, problem.Failed},
		{"stall half-way", sentFor(all[:3], nil, time.Second), brief, ErrStalled, problem.Unreachable},
		{"stall before the checksum", sentFor(all[:n-1], nil, time.Second), brief, ErrStalled, problem.Unreachable},
		{"stall at the end", sentFor(all, nil, time.Second), brief, ErrStalled, problem.Unreachable},
		{"stall from the start", sentFor(nil, nil, time.Second), brief, ErrStalled, problem.Unreachable},
		{"nothing", play(nil, nil), lazy, ErrShort, problem.Failed},
		{"header only", play([]*pb.SnapshotResponse{{Header: &pb.ResponseHeader{Revision: 5}}}, nil), lazy, ErrHollow, problem.Failed},
		{"without the checksum", play(all[:n-1], nil), lazy, ErrShort, problem.Failed},
		{"half", play(all[:3], nil), lazy, ErrShort, problem.Failed},
		{"a message twice", play(slices.Insert(slices.Clone(all), 2, all[1]), nil), lazy, ErrInconsistent, problem.Failed},
		{"a message missing", play(slices.Delete(slices.Clone(all), 2, 3), nil), lazy, ErrInconsistent, problem.Failed},
		{"checksum twice", play(append(slices.Clone(all), all[n-1]), nil), lazy, ErrLong, problem.Failed},
		{"more announced than sent", play(changed(0, func(m *pb.SnapshotResponse) { m.RemainingBytes += 4096 }), nil), lazy, ErrInconsistent, problem.Failed},
		{"absurd size", play(changed(0, func(m *pb.SnapshotResponse) { m.RemainingBytes = 1 << 63 }), nil), lazy, ErrInconsistent, problem.Failed},
		{"wrong remaining bytes later", play(changed(2, func(m *pb.SnapshotResponse) { m.RemainingBytes-- }), nil), lazy, ErrInconsistent, problem.Failed},
		{"blob cut", play(changed(2, func(m *pb.SnapshotResponse) { m.Blob = m.Blob[1:] }), nil), lazy, ErrInconsistent, problem.Failed},
		{"checksum cut", play(changed(n-1, func(m *pb.SnapshotResponse) { m.Blob = m.Blob[1:] }), nil), lazy, ErrShort, problem.Failed},
		{"late error", play(all[:n-1], errDisk), lazy, errDisk, problem.Failed},
		{"error after the last byte", play(all, errDisk), lazy, errDisk, problem.Failed},
		{"error at once", play(nil, errDisk), lazy, errDisk, problem.Failed},
		{"server goes away", play(all[:3], status.Error(codes.Unavailable, errDisk.Error())), lazy, errDisk, problem.Unreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []byte
			s, err := openRogue(t, c.rogue, c.cfg)
			if err == nil {
				got, err = readAll(s)
			}
			if err == nil || errors.Is(err, io.EOF) {
				t.Fatalf("it ended well, with %d bytes", len(got))
			}
			// What crosses the wire is only text.
			if !errors.Is(err, c.want) && !bytes.Contains([]byte(err.Error()), []byte(c.want.Error())) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if kind := problem.KindOf(err); kind != c.kind {
				t.Errorf("kind %d, want %d: %v", kind, c.kind, err)
			}
			if s != nil {
				if _, again := s.Next(); again != err {
					t.Errorf("the error is not final: %v", again)
				}
			}
		})
	}
}

func TestClosingAStreamTellsTheServer(t *testing.T) {
	ended := make(chan struct{})
	r := sentFor(messages(testDatabase())[:2], nil, time.Hour)
	play := r.snapshot
	r.snapshot = func(send func(*pb.SnapshotResponse) error, ctx context.Context) error {
		defer close(ended)
		return play(send, ctx)
	}
	s, err := openRogue(t, r, StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the server still sends")
	}
	if _, err := readAll(s); !errors.Is(err, errStreamClosed) {
		t.Errorf("reading a closed stream: %v", err)
	}
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	address := sentFor(messages(testDatabase())[:2], nil, time.Hour).serve(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := dialTest(t, Config{Endpoints: []string{address}}).Snapshot(ctx, Member{Endpoint: address}, StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	if _, err := readAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOneMemberServesOneStreamPerHost(t *testing.T) {
	r := sentFor(messages(testDatabase())[:2], nil, time.Hour)
	address := r.serve(t, nil)
	c := dialTest(t, Config{Endpoints: []string{address}})
	m := Member{Endpoint: address}
	first, err := c.Snapshot(t.Context(), m, StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Snapshot(t.Context(), m, StreamConfig{})
	const want = "another snapshot of this member is being taken from this host (wait until it has ended)"
	if !errors.Is(err, ErrStreamBusy) || problem.KindOf(err) != problem.Refused || told(err) != "take a snapshot from "+address+": "+want {
		t.Fatalf("the second stream: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := c.Snapshot(t.Context(), m, StreamConfig{})
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

func TestTheLockIsFreeOnceAStreamHasEndedOrFailedToBegin(t *testing.T) {
	all := messages(testDatabase())
	for name, r := range map[string]*rogue{"ended": play(all, nil), "broken": play(all[:2], errDisk), "not begun": play(nil, errDisk)} {
		address := r.serve(t, nil)
		c := dialTest(t, Config{Endpoints: []string{address}})
		for range 2 {
			s, err := c.Snapshot(t.Context(), Member{Endpoint: address}, StreamConfig{})
			if errors.Is(err, ErrStreamBusy) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				readAll(s) // and not closed
			}
		}
	}
}

func TestAnotherMemberThanTheChosenOneIsRefused(t *testing.T) {
	address := play(messages(testDatabase()), nil).serve(t, nil)
	_, err := dialTest(t, Config{Endpoints: []string{address}}).Snapshot(t.Context(), Member{Endpoint: address, ID: 1, Name: "m1"}, StreamConfig{})
	want := "take a snapshot from " + address + ": member def answers there now, not m1 (1) " +
		"(name each member's own endpoint instead of a load balancer's)"
	if err == nil || told(err) != want || problem.KindOf(err) != problem.Refused {
		t.Errorf("got %v", err)
	}
}
