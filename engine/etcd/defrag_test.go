package etcd

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestOnlyASetGaugeMeansDefragmentation(t *testing.T) {
	for text, want := range map[string]bool{
		"": false,
		"# HELP etcd_disk_defrag_inflight Whether or not defrag is active.\n# TYPE etcd_disk_defrag_inflight gauge\netcd_disk_defrag_inflight 0\n": false,
		"other 1\netcd_disk_defrag_inflight 1\n":          true,
		"etcd_disk_defrag_inflight_total 1\n":             false,
		"etcd_disk_defrag_inflight":                       false,
		"etcd_disk_defrag_inflight 1 1700000000000\n":     true,
		strings.Repeat("x", 1<<20) + "\nno end of line 1": false,
	} {
		if got := gaugeIsSet(strings.NewReader(text), defragGauge); got != want {
			t.Errorf("%.80q: got %v", text, got)
		}
	}
}

// etcdPort serves gRPC and metrics on one port, as etcd does.
func etcdPort(t *testing.T, r *rogue, metrics http.HandlerFunc, clients *authority) *httptest.Server {
	t.Helper()
	server := grpc.NewServer()
	pb.RegisterMaintenanceServer(server, r)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor == 2 && strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") {
			server.ServeHTTP(w, req)
			return
		}
		metrics(w, req)
	}))
	web.EnableHTTP2 = true
	if clients != nil {
		cert, key := clients.issue(t, "server", nil)
		web.TLS = serverTLS(t, cert, key, clients)
		web.TLS.NextProtos = nil
	}
	web.StartTLS()
	t.Cleanup(web.Close)
	return web
}

func TestNoStreamIsBegunDuringADefragmentation(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "client", nil)
	gauge := 1
	web := etcdPort(t, play(messages(testDatabase()), nil), func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/metrics" {
			fmt.Fprintf(w, "a 1\n%s %d\n", defragGauge, gauge)
		}
	}, ca)
	c := dialTest(t, Config{Endpoints: []string{web.URL}, CACert: ca.file, Cert: cert, Key: key})
	_, err := c.Snapshot(t.Context(), Member{Endpoint: web.URL}, StreamConfig{})
	want := "take a snapshot from " + web.URL + ": the member is being defragmented (wait until it is done, or take another member)"
	if !errors.Is(err, ErrDefragmenting) || problem.KindOf(err) != problem.Refused || told(err) != want {
		t.Fatalf("got %v", err)
	}
	gauge = 0
	s, err := c.Snapshot(t.Context(), Member{Endpoint: web.URL}, StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestMetricsThatAreNotThereKeepNobodyFromSaving(t *testing.T) {
	release := make(chan struct{})
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "client", nil)
	for name, metrics := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"forbidden": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"garbage":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\x00\x01") },
		"hanging": func(_ http.ResponseWriter, req *http.Request) {
			select {
			case <-req.Context().Done():
			case <-release:
			}
		},
	} {
		web := etcdPort(t, play(messages(testDatabase()), nil), metrics, ca)
		c := dialTest(t, Config{Endpoints: []string{web.URL}, CACert: ca.file, Cert: cert, Key: key})
		s, err := c.Snapshot(t.Context(), Member{Endpoint: web.URL}, StreamConfig{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.Close()
	}
	close(release)
}

func TestASocketHasAHostNameForMetrics(t *testing.T) {
	for raw, want := range map[string]string{"unix:///run/etcd.sock": "localhost", "http://[::1]:2379": "[::1]:2379"} {
		e, err := parseEndpoint(raw)
		if err != nil {
			t.Fatal(err)
		}
		host := (&conn{endpoint: e}).metricsHost()
		if u, err := url.Parse("http://" + host + "/metrics"); err != nil || host != want || u.Host != want {
			t.Errorf("%s: got %s, %v", raw, host, err)
		}
	}
}

func TestAnAddressThatSwallowsPacketsTimesOut(t *testing.T) {
	address := blackHole(t)
	expect(t, Config{Endpoints: []string{"https://" + address}, DialTimeout: 300 * time.Millisecond, CommandTimeout: time.Second},
		problem.Unreachable, "reach etcd at ENDPOINT: no answer within 300ms",
		"check the address and that no firewall drops the packets; --dial-timeout allows more time")
}

// blackHole is an address where connections are never completed: a listener whose queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	l := shortQueue(t)
	for range 64 {
		conn, err := net.DialTimeout("tcp", l, 200*time.Millisecond)
		if err != nil {
			return l
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("this system completes connections that nobody accepts")
	return ""
}
