package e2e

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// proxied is a client that sees the cluster's first member through a proxy.
func proxied(t *testing.T, e *server.Etcd) (*etcd.Client, *server.Proxy) {
	t.Helper()
	u, err := url.Parse(e.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := servertest.Proxy(t, u.Host)
	cfg := etcdSettings(t, e)
	cfg.Endpoints = []string{u.Scheme + "://" + proxy.Address}
	return dialEtcd(t, cfg), proxy
}

// networkFault is a way for a stream to end badly.
type networkFault struct {
	name   string
	inject func(context.Context, *server.Proxy) error
	want   error
}

func networkFaults() []networkFault {
	toClient := func(f server.Fault) func(context.Context, *server.Proxy) error {
		return func(ctx context.Context, p *server.Proxy) error { return p.Inject(ctx, server.ToClient, f) }
	}
	return []networkFault{
		{"reset", toClient(server.ResetPeer(0)), nil},
		{"ended", toClient(server.LimitData(64 << 10)), nil},
		{"stall", toClient(server.Stall()), etcd.ErrStalled},
		{"cut", func(ctx context.Context, p *server.Proxy) error { return p.Cut(ctx) }, nil},
	}
}

func TestAStreamThatTheNetworkBreaksIsNeverAShortSuccess(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{TLS: true}, func(t *testing.T, e *server.Etcd) {
		fillEtcd(t, e, 8<<20)
		for _, fault := range networkFaults() {
			t.Run(fault.name, func(t *testing.T) {
				c, proxy := proxied(t, e)
				m := inspect(t, c).Members[0]
				testBrokenStream(t, c, m, proxy, fault)
				// It does the client no harm and leaves nothing locked: the next stream, past the proxy, is whole.
				m.Endpoint = e.Members[0].ClientURL
				mustReceive(t, c, m)
			})
		}
	})
}

// testBrokenStream injects the fault while the stream is under way: it is slowed down, so that it is far from its end
// after its first bytes.
func testBrokenStream(t *testing.T, c *etcd.Client, m etcd.Member, proxy *server.Proxy, fault networkFault) {
	t.Helper()
	if err := proxy.Inject(t.Context(), server.ToClient, server.Bandwidth(1<<10)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Snapshot(t.Context(), m, etcd.StreamConfig{StallTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if err := fault.inject(t.Context(), proxy); err != nil {
		t.Fatal(err)
	}
	got, err := receiveStream(s)
	if err == nil || int64(len(got)) >= s.Size() {
		t.Fatalf("it ended well after %d of %d bytes", len(got), s.Size())
	}
	if problem.KindOf(err) != problem.Unreachable || fault.want != nil && !errors.Is(err, fault.want) {
		t.Errorf("got %v", err)
	}
}

func TestAStreamOverASlowLinkIsWhole(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	fillEtcd(t, e, 2<<20)
	c, proxy := proxied(t, e)
	if err := proxy.Inject(t.Context(), server.ToClient, server.Latency(20*time.Millisecond, 10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	mustReceive(t, c, inspect(t, c).Members[0])
}

func TestAMemberThatHangsDoesNotHoldUpTheOthers(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Members: 3, NoFsync: true})
	u, err := url.Parse(e.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := servertest.Proxy(t, u.Host)
	cfg := etcdSettings(t, e)
	cfg.Endpoints[0] = "http://" + proxy.Address
	cfg.DialTimeout = time.Second
	if err := proxy.Inject(t.Context(), server.ToClient, server.Stall()); err != nil {
		t.Fatal(err)
	}
	cluster := inspect(t, dialEtcd(t, cfg))
	choice, err := etcd.Choose(cluster, etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(choice.Candidates) != 2 || len(choice.Skipped) != 2 {
		t.Fatalf("got %+v", choice)
	}
	for _, m := range cluster.Members {
		if m.Endpoint == cfg.Endpoints[0] { // nobody can tell whose proxy it is
			checkProblem(t, m.Err, m.Endpoint, problem.Unreachable,
				"reach etcd at ENDPOINT: it accepts connections but says nothing within 1s", "the server hangs or is overloaded: look at its log")
		}
	}
}
