package httpd

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

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
	return http.StripPrefix(enroll.PathAPI, &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { rewrite(r, target) },
		// A watch's events go out at once.
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the Kubernetes API does not answer", http.StatusBadGateway)
		},
	}), nil
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
