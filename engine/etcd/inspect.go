package etcd

import (
	"context"
	"errors"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// answer is what one endpoint said.
type answer struct {
	endpoint string
	// err: it did not answer; nothing else is set then.
	err    error
	status *pb.StatusResponse
	// members as this member knows them; nil when it would not say (a learner).
	members []*pb.Member
	// readErr: it did not serve a linearizable read.
	readErr error
}

// Inspect asks every endpoint for its status, its view of the membership and a linearizable read, all at the same
// time and each with its own deadline; so it takes DialTimeout and CommandTimeout once, however many members are down.
//
// It is an error when no endpoint answers, when the endpoints turn out to belong to different clusters, or when the
// cluster wants a login that it was not given; everything short of that is in the Cluster.
func (c *Client) Inspect(ctx context.Context) (Cluster, error) {
	answers := c.askAll(ctx, c.Endpoints())
	if c.cfg.Cluster {
		answers = append(answers, c.askAll(ctx, furtherURLs(answers))...)
	}
	if ctx.Err() != nil {
		return Cluster{}, context.Cause(ctx)
	}
	if err := verdict(answers); err != nil {
		return Cluster{}, err
	}
	cluster := assemble(answers)
	if cluster.Quorum {
		if alarms, err := c.alarms(ctx, answers); err == nil {
			cluster.Alarms = alarms
		}
	}
	return cluster, nil
}

// askAll connects to all endpoints before it asks any of them: what is asked at different times can't be compared, and
// on a busy cluster a member that was asked two seconds early would seem to lag behind.
func (c *Client) askAll(ctx context.Context, endpoints []string) []answer {
	answers := make([]answer, len(endpoints))
	lines := make([]line, len(endpoints))
	var wg sync.WaitGroup
	for i, endpoint := range endpoints {
		wg.Go(func() { lines[i], answers[i] = c.connect(ctx, endpoint) })
	}
	wg.Wait()
	for i := range answers {
		if answers[i].err == nil {
			wg.Go(func() { lines[i].ask(ctx, &answers[i]) })
		}
	}
	wg.Wait()
	return answers
}

// line is an endpoint with its connection, up or not.
type line struct {
	conn *conn
	cc   *grpc.ClientConn
}

func (c *Client) connect(ctx context.Context, endpoint string) (l line, a answer) {
	a.endpoint = endpoint
	if l.conn, a.err = c.conn(endpoint); a.err != nil {
		return l, a
	}
	if l.cc, a.err = l.conn.dial(ctx); a.err != nil {
		a.err = l.conn.explain(ctx, a.err)
	}
	return l, a
}

func (l line) ask(ctx context.Context, a *answer) {
	if a.status, a.err = call(ctx, l.conn, l.cc, askStatus); a.err != nil {
		return
	}
	if a.status.GetHeader() == nil {
		a.err = &problem.Error{Kind: problem.Failed, Op: "ask etcd at", Subject: a.endpoint, Err: errNoHeader}
		return
	}
	if a.status.IsLearner {
		return // it serves nothing else
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.members, _ = call(ctx, l.conn, l.cc, askMembers) })
	wg.Go(func() { a.readErr = l.read(ctx) })
	wg.Wait()
}

var errNoHeader = errors.New("the answer has no header: this is not an etcd")

// askMembers asks for the member's own view: the agreed one takes quorum.
func askMembers(ctx context.Context, cc *grpc.ClientConn) ([]*pb.Member, error) {
	r, err := pb.NewClusterClient(cc).MemberList(ctx, &pb.MemberListRequest{Linearizable: false})
	return r.GetMembers(), err
}

// read does what `etcdctl endpoint health` does: a linearizable read of a key that need not exist. To be told that the
// key may not be read takes the same agreement, so it is healthy too.
func (l line) read(ctx context.Context) error {
	_, err := call(ctx, l.conn, l.cc, func(ctx context.Context, cc *grpc.ClientConn) (*pb.RangeResponse, error) {
		// A member that knows that it has no leader says so at once instead of waiting for one.
		return pb.NewKVClient(cc).Range(clientv3.WithRequireLeader(ctx), &pb.RangeRequest{Key: []byte("health")})
	})
	if errors.Is(err, rpctypes.ErrPermissionDenied) {
		return nil
	}
	return err
}

// alarms asks a member that has quorum; listing alarms goes through raft.
func (c *Client) alarms(ctx context.Context, answers []answer) ([]Alarm, error) {
	for _, a := range answers {
		if a.err != nil || a.readErr != nil || a.status.IsLearner {
			continue
		}
		conn, err := c.conn(a.endpoint)
		if err != nil {
			return nil, err
		}
		r, err := request(ctx, conn, func(ctx context.Context, cc *grpc.ClientConn) (*pb.AlarmResponse, error) {
			return pb.NewMaintenanceClient(cc).Alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET})
		})
		if err != nil {
			return nil, err
		}
		var alarms []Alarm
		for _, m := range r.GetAlarms() {
			alarms = append(alarms, Alarm{Member: m.GetMemberID(), Kind: AlarmKind(m.GetAlarm().String())})
		}
		return alarms, nil
	}
	return nil, errors.New("no member has quorum")
}

// furtherURLs are the client URLs of the members that no endpoint has reached yet.
func furtherURLs(answers []answer) []string {
	asked := map[string]bool{}
	reached := map[uint64]bool{}
	for _, a := range answers {
		asked[a.endpoint] = true
		if a.err == nil {
			reached[a.status.Header.MemberId] = true
		}
	}
	var urls []string
	for _, m := range membership(answers) {
		for _, url := range m.ClientURLs {
			if !reached[m.ID] && !asked[url] {
				urls = append(urls, url)
			}
		}
	}
	return urls
}
