package etcd

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// rogue is a gRPC server with etcd's Maintenance service whose snapshots can be made to lie, stall and break as a real
// etcd does only when its disk or its network fails.
type rogue struct {
	pb.UnimplementedMaintenanceServer
	// snapshot sends the stream.
	snapshot func(send func(*pb.SnapshotResponse) error, ctx context.Context) error
	// statusErr is the answer to Status.
	statusErr error
}

const (
	rogueCluster = 0xabc
	rogueMember  = 0xdef
)

func (r *rogue) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	return &pb.StatusResponse{
		Header: &pb.ResponseHeader{ClusterId: rogueCluster, MemberId: rogueMember}, Version: "3.6.0", Leader: rogueMember,
	}, r.statusErr
}

func (r *rogue) Snapshot(_ *pb.SnapshotRequest, s pb.Maintenance_SnapshotServer) error {
	return r.snapshot(s.Send, s.Context())
}

// serve starts it and returns its address.
func (r *rogue) serve(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	var opts []grpc.ServerOption
	if cfg != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(cfg)))
	}
	server := grpc.NewServer(opts...)
	pb.RegisterMaintenanceServer(server, r)
	return listen(t, server.Serve, server.Stop)
}

func listen(t *testing.T, serve func(net.Listener) error, stop func()) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(l)
	}()
	t.Cleanup(func() {
		stop()
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// testDatabase is what a snapshot of the rogue holds: large enough for several messages of several frames each.
func testDatabase() []byte {
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	return data
}

// messages cuts a database as etcd does.
func messages(db []byte) []*pb.SnapshotResponse {
	const chunk = 32 << 10
	var all []*pb.SnapshotResponse
	for from := 0; from < len(db); from += chunk {
		to := min(from+chunk, len(db))
		all = append(all, &pb.SnapshotResponse{RemainingBytes: uint64(len(db) - to), Blob: db[from:to], Version: "3.6.0"})
	}
	sum := sha256.Sum256(db)
	return append(all, &pb.SnapshotResponse{Blob: sum[:], Version: "3.6.0"})
}

// play sends messages and ends the stream with err.
func play(all []*pb.SnapshotResponse, err error) *rogue {
	return &rogue{snapshot: func(send func(*pb.SnapshotResponse) error, _ context.Context) error {
		for _, m := range all {
			if err := send(m); err != nil {
				return err
			}
		}
		return err
	}}
}

// dialTest connects to one endpoint, with short timeouts and a lock directory of its own.
func dialTest(t *testing.T, cfg Config) *Client {
	t.Helper()
	cfg.InsecureTransport, cfg.InsecureDiscovery = true, true
	cfg.LockDir = t.TempDir()
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func openRogue(t *testing.T, r *rogue, cfg StreamConfig) (*Stream, error) {
	t.Helper()
	address := r.serve(t, nil)
	s, err := dialTest(t, Config{Endpoints: []string{address}}).Snapshot(t.Context(), Member{Endpoint: address, ID: rogueMember}, cfg)
	if s != nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// readAll reads to the end, whatever it is.
func readAll(s *Stream) ([]byte, error) {
	var all []byte
	for {
		piece, err := s.Next()
		if err != nil {
			return all, err
		}
		all = append(all, piece...)
	}
}

var errDisk = errors.New("input/output error")
