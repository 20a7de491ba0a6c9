package httpd

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnAPIInThisProcessIsToldNothingButTheCallersToken(t *testing.T) {
	var got *http.Request
	handler := newDirect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	request := httptest.NewRequest(http.MethodGet, "https://manager/k8s/api/v1/secrets?watch=true", nil)
	request.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}, VerifiedChains: [][]*x509.Certificate{{{}}}}
	for name, value := range map[string]string{
		"Authorization": "Bearer mine", "X-Remote-User": "system:admin", "x-remote-group": "system:masters",
		"X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1", "Forwarded": "for=10.0.0.1",
	} {
		request.Header.Set(name, value)
	}
	handler.ServeHTTP(httptest.NewRecorder(), request)
	if got.URL.Path != "/api/v1/secrets" || got.RequestURI != "/api/v1/secrets?watch=true" {
		t.Errorf("the API got %s, %s", got.URL, got.RequestURI)
	}
	if diff := cmp.Diff(http.Header{"Authorization": {"Bearer mine"}}, got.Header); diff != "" {
		t.Error(diff)
	}
	if len(got.TLS.PeerCertificates)+len(got.TLS.VerifiedChains) > 0 {
		t.Error("a client certificate reaches the API")
	}
}
