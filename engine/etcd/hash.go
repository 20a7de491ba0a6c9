package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

// Hash is etcd's hash of its key space up to a revision. Two members, or a member and a snapshot, with equal
// HashRevision and CompactRevision must have equal hashes.
type Hash struct {
	// Cluster and Member that computed it.
	Cluster, Member uint64
	Hash            uint32
	// Revision was the newest when it was computed.
	Revision int64
	// HashRevision up to which it covers. etcd before 3.6 does not say it; then it is the one that was asked for, or
	// Revision when none was.
	HashRevision int64
	// CompactRevision that it takes into account; -1 when the cluster was never compacted.
	CompactRevision int64
}

// HashKV asks a member for its hash up to a revision; 0 means the newest. At the revision of one of the last ten
// compactions etcd (3.5.5 and newer) answers from memory; at any other it scans the whole key space while writes wait.
func (c *Client) HashKV(ctx context.Context, endpoint string, revision int64) (Hash, error) {
	conn, err := c.conn(endpoint)
	if err != nil {
		return Hash{}, err
	}
	r, err := request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (*pb.HashKVResponse, error) {
		return pb.NewMaintenanceClient(cc).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
	})
	if err != nil {
		return Hash{}, err
	}
	h := Hash{
		Cluster: r.GetHeader().GetClusterId(), Member: r.GetHeader().GetMemberId(),
		Hash: r.GetHash(), Revision: r.GetHeader().GetRevision(),
		HashRevision: r.GetHashRevision(), CompactRevision: r.GetCompactRevision(),
	}
	if h.HashRevision == 0 {
		if h.HashRevision = revision; revision == 0 {
			h.HashRevision = h.Revision
		}
	}
	return h, nil
}

// CompactRevision is the revision of a member's last compaction, 0 when there was none after revision 1. It costs the
// server nothing: no request names the number, but a watch that asks for compacted history is told it.
func (c *Client) CompactRevision(ctx context.Context, endpoint string) (int64, error) {
	conn, err := c.conn(endpoint)
	if err != nil {
		return 0, err
	}
	return request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (int64, error) {
		// Without a compaction the watch would say nothing at all, so a read at that revision goes first.
		_, err := pb.NewKVClient(cc).Range(ctx, &pb.RangeRequest{Key: absentKey(), Revision: 1, Serializable: true})
		if !errors.Is(rpctypes.Error(err), rpctypes.ErrCompacted) {
			return 0, err
		}
		return watchCompaction(ctx, cc)
	})
}

// absentKey is one that nobody uses.
func absentKey() []byte { return []byte{0} }

var errNoCompaction = errors.New("the watch ended without naming the compacted revision")

func watchCompaction(ctx context.Context, cc *grpc.ClientConn) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch, err := pb.NewWatchClient(cc).Watch(ctx)
	if err != nil {
		return 0, err
	}
	if err := watch.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: absentKey(), StartRevision: 1},
	}}); err != nil && err != io.EOF {
		return 0, err
	}
	for {
		r, err := watch.Recv()
		switch {
		case err == io.EOF:
			return 0, errNoCompaction
		case err != nil:
			return 0, err
		case r.GetCompactRevision() > 0:
			return r.GetCompactRevision(), nil
		case r.GetCanceled():
			return 0, fmt.Errorf("%w: %s", errNoCompaction, r.GetCancelReason())
		}
	}
}
