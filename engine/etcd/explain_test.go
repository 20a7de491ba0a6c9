package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// expect asks for a status, which must fail with exactly this headline and next step; ENDPOINT stands for the endpoint.
func expect(t *testing.T, cfg Config, kind problem.Kind, headline, next string) error {
	t.Helper()
	c := dialTest(t, cfg)
	_, err := c.Inspect(t.Context())
	checkProblem(t, err, cfg.Endpoints[0], kind, headline, next)
	return err
}

func checkProblem(t *testing.T, err error, endpoint string, kind problem.Kind, headline, next string) {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Fatalf("not a problem: %v", err)
	}
	if want := strings.ReplaceAll(headline, "ENDPOINT", endpoint); p.Error() != want {
		t.Errorf("headline\n got %s\nwant %s", p.Error(), want)
	}
	if p.Next != next {
		t.Errorf("next\n got %s\nwant %s", p.Next, next)
	}
	if p.Kind != kind {
		t.Errorf("kind %d, want %d", p.Kind, kind)
	}
}

// told is an error with its next step, in one line.
func told(err error) string {
	if next := problem.NextOf(err); next != "" {
		return err.Error() + " (" + next + ")"
	}
	return err.Error()
}

// closedPort is one that nothing listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const nextRefused = "check that etcd runs, and that the endpoint has its client port (2379 unless changed, not 2380)"

func TestNothingListens(t *testing.T) {
	err := expect(t, Config{Endpoints: []string{"http://" + closedPort(t)}}, problem.Unreachable,
		"reach etcd at ENDPOINT: connection refused: nothing listens there", nextRefused)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error("the cause is not in the chain")
	}
}

func TestNothingListensForALogin(t *testing.T) {
	expect(t, Config{Endpoints: []string{"http://" + closedPort(t)}, Username: "root", Password: "x", DialTimeout: time.Second},
		problem.Unreachable, "reach etcd at ENDPOINT: connection refused: nothing listens there", nextRefused)
}

func TestTheServersCertificateIsFromAnUnknownCA(t *testing.T) {
	ca, other := newAuthority(t, "etcd-ca"), newAuthority(t, "other-ca")
	cert, key := ca.issue(t, "server", nil)
	endpoint := "https://" + play(nil, nil).serve(t, serverTLS(t, cert, key, nil))
	const headline = `reach etcd at ENDPOINT: its certificate is signed by a CA that is not trusted here (issuer "etcd-ca")`
	expect(t, Config{Endpoints: []string{endpoint}}, problem.Unreachable, headline, "name the CA that signed it with --cacert")
	expect(t, Config{Endpoints: []string{endpoint}, CACert: other.file}, problem.Unreachable, headline,
		other.file+" holds other CAs: name the one that signed it with --cacert")
	// Anything is accepted when that is asked for: what is left is that this server has no membership to show.
	if _, err := dialTest(t, Config{Endpoints: []string{endpoint}, InsecureSkipTLSVerify: true}).Inspect(t.Context()); err != nil {
		t.Errorf("without verification: %v", err)
	}
}

func TestTheServerWantsAClientCertificate(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server", nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := serverTLS(t, cert, key, ca)
		server.MinVersion, server.MaxVersion = version, version
		endpoint := "https://" + play(nil, nil).serve(t, server)
		expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file}, problem.Denied,
			"reach etcd at ENDPOINT: the server wants a client certificate and none was given",
			"name one with --cert and --key")
	}
}

func TestTheServerDoesNotAcceptTheClientCertificate(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	cert, key := ca.issue(t, "server", nil)
	endpoint := "https://" + play(nil, nil).serve(t, serverTLS(t, cert, key, ca))
	foreign, foreignKey := other.issue(t, "client", nil)
	const next = "it must be signed by the CA in the server's --trusted-ca-file, be valid today and allow client authentication"
	expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file, Cert: foreign, Key: foreignKey}, problem.Denied,
		"reach etcd at ENDPOINT: the server does not accept the client certificate "+foreign, next)
	old, oldKey := ca.issue(t, "old", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC)
	})
	expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file, Cert: old, Key: oldKey}, problem.Denied,
		"reach etcd at ENDPOINT: the client certificate "+old+" expired on 2020-02-03", "renew it")
	wrongUse, wrongUseKey := ca.issue(t, "use", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file, Cert: wrongUse, Key: wrongUseKey}, problem.Denied,
		"reach etcd at ENDPOINT: the server does not accept the client certificate "+wrongUse, next)
}

func TestTheServersCertificateIsForOtherNames(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"etcd-1", "etcd-1.example.com"}, []net.IP{net.IPv4(10, 0, 0, 1)}
	})
	endpoint := "https://" + play(nil, nil).serve(t, serverTLS(t, cert, key, nil))
	expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file}, problem.Unreachable,
		"reach etcd at ENDPOINT: its certificate is for etcd-1, etcd-1.example.com, 10.0.0.1, not for 127.0.0.1",
		"use one of these names in --endpoints, or renew the certificate with this one")
	if _, err := dialTest(t, Config{Endpoints: []string{endpoint}, CACert: ca.file, TLSServerName: "etcd-1"}).Inspect(t.Context()); err != nil {
		t.Errorf("with the server name given: %v", err)
	}
}

func TestTheServersCertificateIsNotValidToday(t *testing.T) {
	ca := newAuthority(t, "ca")
	for _, c := range []struct {
		from, to       int
		headline, next string
	}{
		{
			2019, 2020, "reach etcd at ENDPOINT: its certificate expired on 2020-02-03",
			"renew etcd's certificate; if it is new, check this machine's clock",
		},
		{
			2200, 2201, "reach etcd at ENDPOINT: its certificate is not valid before 2200-02-03",
			"check the clocks of both machines",
		},
	} {
		cert, key := ca.issue(t, "server", func(x *x509.Certificate) {
			x.NotBefore, x.NotAfter = time.Date(c.from, 2, 3, 0, 0, 0, 0, time.UTC), time.Date(c.to, 2, 3, 0, 0, 0, 0, time.UTC)
		})
		endpoint := "https://" + play(nil, nil).serve(t, serverTLS(t, cert, key, nil))
		expect(t, Config{Endpoints: []string{endpoint}, CACert: ca.file}, problem.Unreachable, c.headline, c.next)
	}
}

// web is an HTTP/1 server, like a peer port or a metrics port.
func web(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	server := &http.Server{ReadHeaderTimeout: time.Second, TLSConfig: cfg, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	serve := server.Serve
	if cfg != nil {
		cfg.NextProtos = nil
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	return listen(t, serve, func() { server.Close() })
}

func TestTLSIsSpokenToAPlainServer(t *testing.T) {
	const headline = "reach etcd at ENDPOINT: TLS was expected but the server speaks plain http"
	const next = "write http:// in --endpoints, or turn TLS on in etcd"
	for _, address := range []string{play(nil, nil).serve(t, nil), web(t, nil)} {
		expect(t, Config{Endpoints: []string{"https://" + address}}, problem.Unreachable, headline, next)
	}
}

func TestPlainTextIsSpokenToATLSServer(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server", nil)
	const headline = "reach etcd at ENDPOINT: plain http was used but the server speaks TLS"
	const next = "write https:// in --endpoints and name the CA with --cacert"
	for _, clients := range []*authority{nil, ca} {
		address := play(nil, nil).serve(t, serverTLS(t, cert, key, clients))
		expect(t, Config{Endpoints: []string{"http://" + address}}, problem.Unreachable, headline, next)
		expect(t, Config{Endpoints: []string{address}}, problem.Unreachable, headline, next)
	}
}

const (
	headlineNotEtcd = "reach etcd at ENDPOINT: a server answers there, but not with etcd's API"
	nextNotEtcd     = "use etcd's client port (2379 unless changed), not its peer or metrics port"
)

func TestAnotherServerAnswers(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server", nil)
	other := grpc.NewServer()
	for _, cfg := range []Config{
		{Endpoints: []string{"http://" + web(t, nil)}},
		{Endpoints: []string{"https://" + web(t, serverTLS(t, cert, key, nil))}, CACert: ca.file},
		{Endpoints: []string{"http://" + listen(t, other.Serve, other.Stop)}},
	} {
		expect(t, cfg, problem.Unreachable, headlineNotEtcd, nextNotEtcd)
	}
}

// raw handles each connection itself.
func raw(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	stop := make(chan struct{})
	return listen(t, func(l net.Listener) error {
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}, func() { close(stop) })
}

func TestAServerSaysNothing(t *testing.T) {
	ca := newAuthority(t, "ca")
	silent := func(conn net.Conn) { io.Copy(io.Discard, conn) }
	const headline = "reach etcd at ENDPOINT: it accepts connections but says nothing within 300ms"
	const next = "the server hangs or is overloaded: look at its log"
	for _, cfg := range []Config{{Endpoints: []string{"http://" + raw(t, silent)}}, {Endpoints: []string{"https://" + raw(t, silent)}, CACert: ca.file}} {
		cfg.DialTimeout, cfg.CommandTimeout = 300*time.Millisecond, time.Second
		expect(t, cfg, problem.Unreachable, headline, next)
	}
}

func TestAServerHangsUp(t *testing.T) {
	expect(t, Config{Endpoints: []string{"http://" + raw(t, func(net.Conn) {})}}, problem.Unreachable,
		"reach etcd at ENDPOINT: the server ends the connection at once", "check that this is the client port of an etcd")
}

// hanging is an etcd that never answers.
type hanging struct {
	pb.UnimplementedMaintenanceServer
	pb.UnimplementedAuthServer
}

func (hanging) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hanging) Authenticate(ctx context.Context, _ *pb.AuthenticateRequest) (*pb.AuthenticateResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAServerDoesNotAnswerInTime(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server", nil)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(serverTLS(t, cert, key, nil))))
	pb.RegisterMaintenanceServer(server, hanging{})
	pb.RegisterAuthServer(server, hanging{})
	endpoint := "https://" + listen(t, server.Serve, server.Stop)
	const headline = "reach etcd at ENDPOINT: the server accepts connections but does not answer in time"
	const next = "it is overloaded, is being defragmented, or has no leader: look at its log; --command-timeout allows more time"
	cfg := Config{Endpoints: []string{endpoint}, CACert: ca.file, CommandTimeout: 300 * time.Millisecond}
	expect(t, cfg, problem.Unreachable, headline, next)
	cfg.Username, cfg.Password, cfg.DialTimeout = "root", "x", 300*time.Millisecond
	expect(t, cfg, problem.Unreachable, headline, next)
}

func TestEtcdRefusesTheLogin(t *testing.T) {
	const wantUser = "give a user with the role root: --user and a password, or a client certificate with its name"
	for _, c := range []struct {
		err            error
		cfg            Config
		kind           problem.Kind
		headline, next string
	}{
		{
			rpctypes.ErrGRPCUserEmpty, Config{}, problem.Denied,
			"log in to etcd at ENDPOINT: authentication is enabled in this cluster and no user was given", wantUser,
		},
		{
			rpctypes.ErrGRPCAuthFailed, Config{Username: "root"}, problem.Denied,
			"log in to etcd at ENDPOINT: the user root or the password is wrong", "check --user and the password",
		},
		{
			rpctypes.ErrGRPCUserNotFound, Config{}, problem.Denied,
			"log in to etcd at ENDPOINT: the user named in the client certificate does not exist in this cluster", wantUser,
		},
		{
			rpctypes.ErrGRPCInvalidAuthToken, Config{Token: "x"}, problem.Denied,
			"log in to etcd at ENDPOINT: the token is not valid or has expired",
			"log in with --user and a password, or renew the token",
		},
		{
			rpctypes.ErrGRPCPermissionDenied, Config{Username: "backup"}, problem.Denied,
			"ask etcd at ENDPOINT: the user backup lacks the role root, which snapshots and hashes need",
			"etcdctl user grant-role USER root",
		},
		{
			rpctypes.ErrGRPCPermissionDenied, Config{Token: "x"}, problem.Denied,
			"ask etcd at ENDPOINT: the user of the token lacks the role root, which snapshots and hashes need",
			"etcdctl user grant-role USER root",
		},
		{
			rpctypes.ErrGRPCPermissionDenied, Config{}, problem.Denied,
			"ask etcd at ENDPOINT: the user named in the client certificate lacks the role root, which snapshots and hashes need",
			"etcdctl user grant-role USER root",
		},
		{
			rpctypes.ErrGRPCNotSupportedForLearner, Config{}, problem.Refused,
			"ask etcd at ENDPOINT: this member is a learner, which answers hardly anything",
			"use the endpoint of a voting member",
		},
		{
			rpctypes.ErrGRPCNoLeader, Config{}, problem.Unreachable,
			"ask etcd at ENDPOINT: this member has no leader: it is cut off, or the cluster has no quorum",
			"start the other members, or look at their logs",
		},
		{
			rpctypes.ErrGRPCTimeout, Config{}, problem.Unreachable,
			"ask etcd at ENDPOINT: etcdserver: request timed out", "",
		},
		{
			rpctypes.ErrGRPCCorrupt, Config{}, problem.Failed,
			"ask etcd at ENDPOINT: etcdserver: corrupt cluster", "",
		},
	} {
		conn := &conn{endpoint: endpoint{raw: "http://127.0.0.1:2379"}, cfg: &c.cfg}
		err := conn.explain(t.Context(), c.err)
		checkProblem(t, err, conn.raw, c.kind, c.headline, c.next)
		if want := rpctypes.Error(c.err); !errors.Is(err, want) {
			t.Errorf("%v is not in the chain", want)
		}
	}
}

func TestTheNetworkIsInTheWay(t *testing.T) {
	conn := &conn{endpoint: endpoint{raw: "https://node:2379", host: "node"}, cfg: &Config{DialTimeout: 2 * time.Second}}
	opError := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		err            error
		headline, next string
	}{
		{
			opError(&net.DNSError{Err: "no such host", Name: "node", IsNotFound: true}),
			"reach etcd at ENDPOINT: there is no host named node", "check the name in --endpoints",
		},
		{
			opError(&net.DNSError{Err: "server misbehaving", Name: "node", IsTemporary: true}),
			"reach etcd at ENDPOINT: the name node could not be looked up", "check this machine's DNS",
		},
		{opError(syscall.EHOSTUNREACH), "reach etcd at ENDPOINT: there is no route to that address", "check the address and the network"},
		{opError(syscall.ENETUNREACH), "reach etcd at ENDPOINT: there is no route to that address", "check the address and the network"},
		{
			opError(context.DeadlineExceeded), "reach etcd at ENDPOINT: no answer within 2s",
			"check the address and that no firewall drops the packets; --dial-timeout allows more time",
		},
		{opError(syscall.EMFILE), "reach etcd at ENDPOINT: dial tcp: too many open files", ""},
	} {
		checkProblem(t, conn.dialProblem(c.err), conn.raw, problem.Unreachable, c.headline, c.next)
	}
}

func TestGivingUpIsNotTheServersFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := dialTest(t, Config{Endpoints: []string{"http://" + closedPort(t)}})
	if _, err := c.HashKV(ctx, c.Endpoints()[0], 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Inspect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
