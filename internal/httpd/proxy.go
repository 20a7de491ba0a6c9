package httpd

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// newProxy passes requests on to the Kubernetes API with whatever credential they carry. That is a bearer token: a
// client certificate ends here.
func newProxy(api *rest.Config) (http.Handler, error) {
	target, _, err := rest.DefaultServerUrlFor(api)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(api))
	if err != nil {
		return nil, err
	}
	return http.StripPrefix(enroll.PathAPI, whole(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { rewrite(r, target) },
		// A watch's events go out at once, and it holds its buffer for as long as it lasts.
		FlushInterval: -1, BufferPool: &buffers{sync.Pool{New: func() any { return make([]byte, 4<<10) }}},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the Kubernetes API does not answer", http.StatusBadGateway)
		},
	})), nil
}

// buffers for answers on their way. A fleet has thousands of watches, and their events are small.
type buffers struct{ sync.Pool }

// Get is part of httputil.BufferPool.
func (b *buffers) Get() []byte { return b.Pool.Get().([]byte) }

// Put is part of httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.Pool.Put(buffer) } //nolint:staticcheck // a slice's header is small beside the request

// maxBody is what an API server takes: 3 MiB.
const maxBody = 3 << 20

// whole receives a request's body before it is passed on. An API server refuses without reading it, over HTTP/2 the client
// then stops sending it, and a proxy that still waits for the rest would hold both for ever.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			http.Error(w, "a request of more than 3 MiB is more than the Kubernetes API takes", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil { // the client has gone
			http.Error(w, "the request broke off", http.StatusBadRequest)
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		next.ServeHTTP(w, r)
	})
}

func rewrite(r *httputil.ProxyRequest, target *url.URL) {
	r.SetURL(target)
	// With these an API server may be told who is asking by a proxy that it trusts. Nobody else may say so.
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			delete(r.Out.Header, name)
		}
	}
}
