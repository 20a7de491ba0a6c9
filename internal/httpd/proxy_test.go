package httpd

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// proxied is the proxy, over HTTP/2 on both sides, before an API that answers with handler.
func proxied(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	serve := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	api := serve(handler)
	proxy, err := newProxy(&rest.Config{Host: api.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	return serve(proxy)
}

// slow never ends before its context does.
type slow struct{ ctx context.Context }

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-s.ctx.Done():
		return 0, io.ErrUnexpectedEOF
	case <-time.After(time.Millisecond):
		return copy(p, " "), nil
	}
}

func TestARefusalThatDoesNotReadTheRequestEnds(t *testing.T) {
	f := proxied(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		request, err := http.NewRequestWithContext(ctx, http.MethodPatch, f.URL+enroll.PathAPI+"/x", strings.NewReader(strings.Repeat("x", 2<<20)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := f.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusForbidden || string(body) != "no\n" || err != nil {
			t.Errorf("%d %q %v", answer.StatusCode, body, err)
		}
		answer.Body.Close()
		cancel()
	}
}

func TestARequestThatIsTooLargeIsRefusedAndNeverPassedOn(t *testing.T) {
	f := proxied(t, func(http.ResponseWriter, *http.Request) { t.Error("it was passed on") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+enroll.PathAPI+"/x", io.MultiReader(strings.NewReader(strings.Repeat("x", maxBody+1)), slow{ctx}))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(answer.Status)
	}
}
