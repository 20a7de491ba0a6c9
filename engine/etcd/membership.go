package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

// Membership is the member table as the cluster has agreed on it.
type Membership struct {
	// Cluster that answered, and its member Self that was asked.
	Cluster, Self uint64
	// Members without what only they themselves know: nobody else was asked.
	Members []Member
}

// Errors of a change of the membership that may go well later, or that has gone well before.
var (
	// ErrNotYet: etcd refuses for now. It has not seen its members for long enough, another learner is on its way, or
	// this one has not caught up.
	ErrNotYet = errors.New("etcd does not take the change yet")
	// ErrNoMember: the cluster has no such member.
	ErrNoMember = errors.New("the cluster has no such member")
	// ErrVotes: the member has a vote already.
	ErrVotes = errors.New("the member has a vote already")
)

// Membership asks an endpoint's member for the table, by a linearizable read: that it answers proves a quorum.
func (c *Client) Membership(ctx context.Context, endpoint string) (Membership, error) {
	conn, err := c.conn(endpoint)
	if err != nil {
		return Membership{}, err
	}
	r, err := request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (*pb.MemberListResponse, error) {
		return pb.NewClusterClient(cc).MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	})
	if err != nil {
		return Membership{}, err
	}
	m := Membership{Cluster: r.GetHeader().GetClusterId(), Self: r.GetHeader().GetMemberId()}
	for _, one := range r.GetMembers() {
		m.Members = append(m.Members, described(one))
	}
	return m, nil
}

func described(m *pb.Member) Member {
	return Member{
		ID: m.GetID(), Name: m.GetName(), Learner: m.GetIsLearner(), PeerURLs: m.GetPeerURLs(), ClientURLs: m.GetClientURLs(),
	}
}

// AddLearner adds a member without a vote and returns it. It may have been added also when the answer is an error: the
// table tells.
func (c *Client) AddLearner(ctx context.Context, endpoint string, peerURLs []string) (Member, error) {
	var added Member
	err := c.change(ctx, endpoint, "add a member", func(ctx context.Context, cluster pb.ClusterClient) error {
		r, err := cluster.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: slices.Clone(peerURLs), IsLearner: true})
		if err == nil {
			added = described(r.GetMember())
		}
		return err
	})
	return added, err
}

// Promote gives a learner its vote: ErrNotYet while it has not caught up, ErrVotes when it has one.
func (c *Client) Promote(ctx context.Context, endpoint string, id uint64) error {
	return c.change(ctx, endpoint, "promote member "+FormatID(id), func(ctx context.Context, cluster pb.ClusterClient) error {
		_, err := cluster.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: id})
		return err
	})
}

// RemoveMember takes a member out of the cluster, for good: its id never comes back. ErrNoMember when it is not there.
func (c *Client) RemoveMember(ctx context.Context, endpoint string, id uint64) error {
	return c.change(ctx, endpoint, "remove member "+FormatID(id), func(ctx context.Context, cluster pb.ClusterClient) error {
		_, err := cluster.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id})
		return err
	})
}

// change asks for a change of the membership. It is asked for once: whoever asks again looks at the table first.
func (c *Client) change(ctx context.Context, endpoint, op string, ask func(context.Context, pb.ClusterClient) error) error {
	conn, err := c.conn(endpoint)
	if err != nil {
		return err
	}
	var refused error
	_, err = request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (struct{}, error) {
		err := ask(ctx, pb.NewClusterClient(cc))
		if refused = changeRefused(err); refused != nil {
			return struct{}{}, nil
		}
		return struct{}{}, err
	})
	if err = errors.Join(refused, err); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// changeRefused names an answer that a caller branches at; nil for any other.
func changeRefused(err error) error {
	for _, known := range []struct{ answer, means error }{
		{rpctypes.ErrUnhealthy, ErrNotYet}, {rpctypes.ErrTooManyLearners, ErrNotYet}, {rpctypes.ErrMemberLearnerNotReady, ErrNotYet},
		{rpctypes.ErrMemberNotEnoughStarted, ErrNotYet}, {rpctypes.ErrLeaderChanged, ErrNotYet}, {rpctypes.ErrNoLeader, ErrNotYet},
		{rpctypes.ErrTimeoutDueToLeaderFail, ErrNotYet},
		{rpctypes.ErrMemberNotFound, ErrNoMember}, {rpctypes.ErrMemberNotLearner, ErrVotes},
	} {
		if errors.Is(rpctypes.Error(err), known.answer) {
			return fmt.Errorf("%w: %w", known.means, known.answer)
		}
	}
	return nil
}
