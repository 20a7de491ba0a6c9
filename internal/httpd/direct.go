package httpd

import (
	"crypto/tls"
	"net/http"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// newDirect hands requests to an API server in this process, with whatever credential they carry. As through a proxy,
// that is a bearer token: a client certificate ends here.
//
// Of a fleet's thousands of watches each would otherwise be held twice, with a second connection, its encryption and the
// goroutines for both: half of the manager's memory.
func newDirect(api http.Handler) http.Handler {
	return http.StripPrefix(enroll.PathAPI, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header = r.Header.Clone()
		for name := range r.Header {
			if claims(name) {
				delete(r.Header, name)
			}
		}
		r.RequestURI = r.URL.RequestURI()
		if r.TLS != nil {
			r.TLS = &tls.ConnectionState{Version: r.TLS.Version, HandshakeComplete: true, CipherSuite: r.TLS.CipherSuite, ServerName: r.TLS.ServerName}
		}
		api.ServeHTTP(w, r)
	}))
}

// claims tells whether a header says who asks, or from where. Between a proxy and an API server that trusts it these would
// be believed; nobody else may say so.
func claims(header string) bool {
	return strings.HasPrefix(header, "X-Remote-") || strings.HasPrefix(header, "X-Forwarded-") || header == "X-Real-Ip" || header == "Forwarded"
}
