package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a network within a synctest bubble: real HTTP, virtual time.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

const limit = time.Minute

// over runs a test whose requests a handler answers, with a limit on silence between them. The handler gets a channel
// that is closed at the end, for those that never answer.
func over(t *testing.T, handler func(http.ResponseWriter, *http.Request, <-chan struct{}), test func(*testing.T, *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler(w, r, network.done)
		})}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		transport := &http.Transport{DialContext: network.dial}
		test(t, &http.Client{Transport: s3.NewStallGuard(transport, limit)})
		transport.CloseIdleConnections()
		if err := errors.Join(network.Close(), server.Close()); err != nil {
			t.Error(err)
		}
		serving.Wait()
		time.Sleep(time.Second) // virtual: net/http lingers with connections that it closes
	})
}

func post(ctx context.Context, c *http.Client, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/", body)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(resp.Body)
	return data, errors.Join(err, resp.Body.Close())
}

func checkStalled(t *testing.T, err error, took time.Duration) {
	t.Helper()
	var network net.Error
	if !errors.As(err, &network) || !network.Timeout() || !strings.Contains(err.Error(), "moved nothing for 1m0s") || took != limit {
		t.Errorf("%v after %v, want a stall after %v", err, took, limit)
	}
}

func TestAServerThatNeverAnswersIsAStall(t *testing.T) {
	over(t, func(_ http.ResponseWriter, _ *http.Request, end <-chan struct{}) { <-end }, func(t *testing.T, c *http.Client) {
		start := time.Now()
		_, err := post(t.Context(), c, nil)
		checkStalled(t, err, time.Since(start))
	})
}

func TestAServerThatStopsToAnswerIsAStall(t *testing.T) {
	over(t, func(w http.ResponseWriter, _ *http.Request, end <-chan struct{}) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		<-end
	}, func(t *testing.T, c *http.Client) {
		start := time.Now()
		data, err := post(t.Context(), c, nil)
		checkStalled(t, err, time.Since(start))
		if string(data) != "some" {
			t.Errorf("before the stall came %q", data)
		}
	})
}

func TestAServerThatStopsToReadIsAStall(t *testing.T) {
	over(t, func(_ http.ResponseWriter, r *http.Request, end <-chan struct{}) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1000))
		<-end
	}, func(t *testing.T, c *http.Client) {
		start := time.Now()
		_, err := post(t.Context(), c, bytes.NewReader(make([]byte, 1<<20)))
		checkStalled(t, err, time.Since(start))
	})
}

func TestASlowConnectionIsNoStall(t *testing.T) {
	over(t, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
		for piece := make([]byte, 64<<10); ; {
			time.Sleep(limit / 4) // virtual; some pieces lie in buffers, and count as sent
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				break
			}
		}
		for range 10 {
			time.Sleep(limit / 4)
			_, _ = w.Write([]byte("piece "))
			w.(http.Flusher).Flush()
		}
	}, func(t *testing.T, c *http.Client) {
		data, err := post(t.Context(), c, bytes.NewReader(make([]byte, 1<<20)))
		if err != nil || strings.Count(string(data), "piece") != 10 {
			t.Errorf("%q, %v, want 10 pieces", data, err)
		}
	})
}

func TestACallerWhoIsSlowIsNoStall(t *testing.T) {
	over(t, func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		_, _ = w.Write(make([]byte, 1<<20))
	}, func(t *testing.T, c *http.Client) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(10 * limit) // virtual: busy with what it has
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 1<<20 {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

func TestTheCallersOwnDeadlineIsNoStall(t *testing.T) {
	over(t, func(_ http.ResponseWriter, _ *http.Request, end <-chan struct{}) { <-end }, func(t *testing.T, c *http.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), limit/2)
		defer cancel()
		if _, err := post(ctx, c, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
	})
}

// keeping answers before it has read anything and keeps the body, as net/http does while it is still writing.
type keeping struct{ body io.Reader }

func (k *keeping) RoundTrip(req *http.Request) (*http.Response, error) {
	k.body = req.Body
	return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Request: req}, nil
}

// The buffer behind it is then used for other bytes.
func TestABodyIsNotReadAfterItsRequest(t *testing.T) {
	transport := &keeping{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://server/", strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s3.NewStallGuard(transport, limit).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := transport.body.Read(make([]byte, 10)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after the request: %d bytes, %v, want an error", n, err)
	}
}
