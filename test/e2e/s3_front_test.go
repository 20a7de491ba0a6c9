package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

// s3Front stands between a client and a plain S3 server, and makes chosen requests go wrong. toxiproxy breaks
// connections; this knows which request is on them, and can let it happen and lose the answer.
type s3Front struct {
	address string
	server  *server.S3
	proxy   *httputil.ReverseProxy

	mu     sync.Mutex
	fault  func(r *http.Request) s3Trouble
	met    int
	healed chan struct{} // closed when the present fault is over
}

// s3Trouble is what happens to a request.
type s3Trouble string

const (
	fine     s3Trouble = ""
	refused  s3Trouble = "refused"  // the server is too busy, and says so
	cutOff   s3Trouble = "cut off"  // the connection breaks before the server has the request
	lost     s3Trouble = "lost"     // it happens, and the answer never comes
	halved   s3Trouble = "halved"   // it happens, and half of the answer comes
	misnamed s3Trouble = "misnamed" // it happens, and the answer says that it failed
)

func newS3Front(t *testing.T, s *server.S3) *s3Front {
	t.Helper()
	f := openS3Front(t, s)
	front := httptest.NewServer(f)
	f.closes(t, front)
	f.address = strings.TrimPrefix(front.URL, "http://")
	return f
}

// openS3Front is a front that nobody can reach yet.
func openS3Front(t *testing.T, s *server.S3) *s3Front {
	t.Helper()
	upstream, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: trusting(t, s.CAFile)}
	t.Cleanup(transport.CloseIdleConnections)
	return &s3Front{server: s, healed: make(chan struct{}), proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // clients that are gone
	}}
}

// closes ends the front with the test, and what hangs on it.
func (f *s3Front) closes(t *testing.T, front *httptest.Server) {
	t.Cleanup(func() {
		f.breaksRequests(nil)
		front.Close()
	})
}

// breaks sets what happens from now on, by the request's stage.
func (f *s3Front) breaks(fault func(stage string) s3Trouble) {
	if fault == nil {
		f.breaksRequests(nil)
		return
	}
	f.breaksRequests(func(r *http.Request) s3Trouble { return fault(s3Stage(r)) })
}

// breaksRequests sets what happens from now on. What hangs because of the last fault ends.
func (f *s3Front) breaksRequests(fault func(*http.Request) s3Trouble) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.met = fault, 0
	close(f.healed)
	f.healed = make(chan struct{})
}

// once makes the first request of a stage go wrong.
func (f *s3Front) once(stage string, trouble s3Trouble) {
	done := false
	f.breaks(func(s string) s3Trouble {
		if s != stage || done {
			return fine
		}
		done = true
		return trouble
	})
}

// meetings is how many requests have gone wrong.
func (f *s3Front) meetings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.met
}

// trouble decides on a request; until is closed when that trouble is over.
func (f *s3Front) trouble(r *http.Request) (trouble s3Trouble, until <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil {
		return fine, f.healed
	}
	if trouble = f.fault(r); trouble != fine {
		f.met++
	}
	return trouble, f.healed
}

// s3Stage names a request as the tests do.
func s3Stage(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "create"
	case r.Method == http.MethodPost:
		return "complete"
	case r.Method == http.MethodPut && query.Get("partNumber") == "2":
		return "part 2"
	case r.Method == http.MethodPut && query.Has("partNumber"):
		return "another part"
	case r.Method == http.MethodPut:
		return "put"
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		return "abort"
	case r.Method == http.MethodDelete:
		return "delete"
	case r.Method == http.MethodHead:
		return "head"
	case query.Has("uploads"), query.Has("uploadId"):
		return "uploads"
	case query.Get("list-type") == "2":
		return "list"
	}
	return "get"
}

// ServeHTTP passes the request on, or not.
func (f *s3Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	trouble, until := f.trouble(r)
	switch trouble {
	case fine:
		f.proxy.ServeHTTP(w, r)
	case refused:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"))
	case cutOff:
		panic(http.ErrAbortHandler)
	case lost:
		f.proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case misnamed:
		f.proxy.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>"))
	case halved:
		f.halve(w, r)
	default:
		f.misbehave(trouble, until, w, r)
	}
}

func (f *s3Front) halve(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	body := answer.Body.Bytes()
	_, _ = w.Write(body[:len(body)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
