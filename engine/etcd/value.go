package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// Value reads one key as the member at an endpoint has it; nil when it has no such key. The other members are not asked, so
// a member without quorum answers too, and one that lags behind answers with what was.
func (c *Client) Value(ctx context.Context, endpoint, key string) ([]byte, error) {
	conn, err := c.conn(endpoint)
	if err != nil {
		return nil, err
	}
	r, err := request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (*pb.RangeResponse, error) {
		return pb.NewKVClient(cc).Range(ctx, &pb.RangeRequest{Key: []byte(key), Serializable: true})
	})
	if err != nil || len(r.GetKvs()) == 0 {
		return nil, err
	}
	return r.GetKvs()[0].GetValue(), nil
}
