package etcd

import (
	"context"
	"crypto/tls"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
)

// conn is the connection to one endpoint.
//
// etcd's own client is one connection that is spread over all its endpoints, and makes a fresh one for each Status. So
// a conn is a client of its own with one endpoint, which is used for what it does well (login, tokens and their
// renewal), while requests go through the generated stubs on its connection: what says "I am healthy" and what then
// sends the snapshot is one server, also behind a load balancer.
type conn struct {
	endpoint
	cfg *Config
	tls *tls.Config // nil: plain text

	mu     sync.Mutex
	client *clientv3.Client
	closed bool
}

const (
	// window is the HTTP/2 flow control window, for the connection and for a stream. gRPC's own 64 KiB, which it then
	// grows by measuring, costs a tenth of the throughput on loopback and far more over a link with latency. It also
	// is the most that a slow consumer lets pile up in memory.
	window = 16 << 20
	// readBuffer lets one system call fetch several of the 16 KiB frames that a snapshot comes in.
	readBuffer = 128 << 10
)

// dial returns the gRPC connection, made and logged in on first use and made again after a failure. It takes DialTimeout
// at most. A server that can't be reached is not an error here: the next request says why.
func (c *conn) dial(ctx context.Context) (*grpc.ClientConn, error) {
	client, err := c.login()
	if err != nil {
		return nil, err
	}
	cc := client.ActiveConnection()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	settle(ctx, cc)
	return cc, nil
}

// login makes the client. With a user it authenticates at once, which etcd's client bounds by DialTimeout.
func (c *conn) login() (*clientv3.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if c.client != nil {
		// A broken connection would answer from the memory of its last failure for as long as gRPC pauses between
		// attempts, and not tell when it has tried again. A new one tries at once.
		if c.client.ActiveConnection().GetState() != connectivity.TransientFailure {
			return c.client, nil
		}
		c.hangUp()
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{c.raw},
		DialTimeout:          c.cfg.DialTimeout,
		DialKeepAliveTime:    c.cfg.KeepAliveTime,
		DialKeepAliveTimeout: c.cfg.KeepAliveTimeout,
		TLS:                  c.tls,
		Username:             c.cfg.Username,
		Password:             string(c.cfg.Password),
		Token:                string(c.cfg.Token),
		Logger:               zap.NewNop(),
		DialOptions:          c.dialOptions(),
	})
	if err != nil {
		return nil, err
	}
	c.client = client
	return client, nil
}

func (c *conn) dialOptions() []grpc.DialOption {
	opts := []grpc.DialOption{
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithReadBufferSize(readBuffer),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.DefaultConfig,
			MinConnectTimeout: c.cfg.DialTimeout,
		}),
	}
	if c.tls != nil && c.tls.ServerName != "" {
		// The name in the TLS configuration alone gives way to the one of the address.
		opts = append(opts, grpc.WithAuthority(c.tls.ServerName))
	}
	return opts
}

func (c *conn) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.hangUp()
}

// hangUp wants the lock.
func (c *conn) hangUp() error {
	if c.client == nil {
		return nil
	}
	client := c.client
	c.client = nil
	// Only the connection can fail: the client as a whole always returns that it was canceled.
	err := client.ActiveConnection().Close()
	client.Close()
	return err
}

// settle waits until a new connection is up or has failed.
func settle(ctx context.Context, cc *grpc.ClientConn) {
	for {
		state := cc.GetState()
		switch state {
		case connectivity.Ready, connectivity.TransientFailure, connectivity.Shutdown:
			return
		case connectivity.Idle:
			cc.Connect()
		}
		if !cc.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// request dials and makes one call.
func request[R any](ctx context.Context, c *conn, ask func(context.Context, *grpc.ClientConn) (R, error)) (R, error) {
	cc, err := c.dial(ctx)
	if err != nil {
		var none R
		return none, c.explain(ctx, err)
	}
	return call(ctx, c, cc, ask)
}

// call makes one short call with its deadline and explains its error.
func call[R any](ctx context.Context, c *conn, cc *grpc.ClientConn, ask func(context.Context, *grpc.ClientConn) (R, error)) (R, error) {
	asked, cancel := context.WithTimeout(ctx, c.cfg.CommandTimeout)
	defer cancel()
	answer, err := ask(asked, cc)
	if err != nil {
		var none R
		return none, c.explain(ctx, err)
	}
	return answer, nil
}

func askStatus(ctx context.Context, cc *grpc.ClientConn) (*pb.StatusResponse, error) {
	return pb.NewMaintenanceClient(cc).Status(ctx, &pb.StatusRequest{})
}
