package httpd

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// builtPage is a page as a build leaves it.
func builtPage() fs.FS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"index.html":             file(`<meta name="nonce" content="{{nonce}}"><script src="/assets/main-1a2b.js"></script>`),
		"assets/main-1a2b.js":    file("plain"),
		"assets/main-1a2b.js.gz": file("packed"),
		"assets/main-1a2b.css":   file("body {}"),
	}
}

func fetch(t *testing.T, handler http.Handler, method, path string, header ...string) (answer *httptest.ResponseRecorder, body string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w, w.Body.String()
}

func TestThePageLoadsNothingButItsOwnFiles(t *testing.T) {
	handler := front(t, Config{Page: builtPage()}).Config.Handler
	for _, path := range []string{"/", "/index.html", "/clusters/prod/one/snapshots"} {
		answer, body := fetch(t, handler, http.MethodGet, path)
		policy := answer.Header().Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`content="([^"]+)"`).FindStringSubmatch(body)
		if answer.Code != http.StatusOK || nonce == nil || len(nonce[1]) < 22 || !strings.Contains(policy, "'nonce-"+nonce[1]+"'") {
			t.Fatalf("%s: %d, policy %q, page %q", path, answer.Code, policy, body)
		}
		for _, wanted := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, wanted) {
				t.Errorf("%s: no %s in %q", path, wanted, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q, kept for %q", path, policy, answer.Header().Get("Cache-Control"))
		}
	}
	one, _ := fetch(t, handler, http.MethodGet, "/")
	two, _ := fetch(t, handler, http.MethodGet, "/")
	if one.Header().Get("Content-Security-Policy") == two.Header().Get("Content-Security-Policy") {
		t.Error("two answers have one nonce")
	}
}

func TestFilesOfThePageAreKeptForGoodAndSentPacked(t *testing.T) {
	handler := front(t, Config{Page: builtPage()}).Config.Handler
	answer, body := fetch(t, handler, http.MethodGet, "/assets/main-1a2b.js", "Accept-Encoding", "gzip, br")
	if body != "packed" || answer.Header().Get("Content-Encoding") != "gzip" || answer.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%q as %s, %s", body, answer.Header().Get("Content-Type"), answer.Header().Get("Content-Encoding"))
	}
	if !strings.Contains(answer.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("kept for %q", answer.Header().Get("Cache-Control"))
	}
	if answer, body = fetch(t, handler, http.MethodGet, "/assets/main-1a2b.js"); body != "plain" || answer.Header().Get("Content-Encoding") != "" {
		t.Errorf("%q, %s", body, answer.Header().Get("Content-Encoding"))
	}
	if answer, _ = fetch(t, handler, http.MethodGet, "/assets/gone-3c4d.js"); answer.Code != http.StatusNotFound {
		t.Errorf("a file of an older build: %d", answer.Code)
	}
	if answer, _ = fetch(t, handler, http.MethodPost, "/clusters"); answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("posting to the page: %d", answer.Code)
	}
}

func TestAManagerWithoutAPageSaysSo(t *testing.T) {
	for name, page := range map[string]fs.FS{"none": nil, "not built": fstest.MapFS{}} {
		answer, body := fetch(t, front(t, Config{Page: page}).Config.Handler, http.MethodGet, "/")
		if answer.Code != http.StatusNotFound || !strings.Contains(body, "make build") {
			t.Errorf("%s: %d %q", name, answer.Code, body)
		}
	}
}
