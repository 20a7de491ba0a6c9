package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// Key is a key that is there, without its value.
type Key struct {
	// Name is only valid during the call that it is passed to.
	Name []byte
	// ModRevision is when it was changed last.
	ModRevision int64
}

// keysPage is how many keys one request asks for: the server reads their values, too, and keeps other requests waiting for
// no more than that.
const keysPage = 500

// Keys calls fn for each key that the member at an endpoint has, in their order and all of one revision, and ends at fn's
// first error. The other members are not asked: a member without quorum answers too, and one that lags behind with what was.
func (c *Client) Keys(ctx context.Context, endpoint string, fn func(Key) error) error {
	conn, err := c.conn(endpoint)
	if err != nil {
		return err
	}
	next, revision := []byte{0}, int64(0)
	for {
		page, err := request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (*pb.RangeResponse, error) {
			return pb.NewKVClient(cc).Range(ctx, &pb.RangeRequest{
				Key: next, RangeEnd: []byte{0}, Limit: keysPage, Revision: revision, KeysOnly: true, Serializable: true,
			})
		})
		if err != nil {
			return err
		}
		for _, kv := range page.GetKvs() {
			if err := fn(Key{Name: kv.GetKey(), ModRevision: kv.GetModRevision()}); err != nil {
				return err
			}
		}
		if !page.GetMore() || len(page.GetKvs()) == 0 {
			return nil
		}
		revision = page.GetHeader().GetRevision()
		next = append(page.GetKvs()[len(page.GetKvs())-1].GetKey(), 0)
	}
}
