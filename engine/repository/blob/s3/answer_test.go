package s3_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

// answering is a store whose server always gives the same answer.
func answering(t *testing.T, answer http.HandlerFunc) *s3.Store {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	store, err := s3.New(s3.Config{
		Bucket: "backups", Region: "us-east-1", Endpoint: strings.TrimPrefix(server.URL, "http://"), Insecure: true,
		AccessKey: "key", SecretKey: s3.NewSecret("secret"), Retry: retry.Policy{Initial: time.Millisecond, MaxElapsed: 5 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

const missing = `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>There is no such key.</Message></Error>`

func TestAnAnswerThatIsNoServersIsToldFromOneThatIs(t *testing.T) {
	for _, c := range []struct {
		name, kind, location, body string
		status                     int
		want                       error
		transient                  bool
		says                       string
	}{
		{name: "page: log in", status: 200, kind: "text/html", body: "<html>Log in", want: blob.ErrStray, says: "it answers with a web page (200 OK)"},
		{name: "page: not found", status: 404, kind: "text/html; charset=utf-8", body: "\n<!DOCTYPE html>", want: blob.ErrStray, says: "web page (404 Not Found)"},
		{name: "page: forbidden", status: 403, kind: "text/html", body: "<HTML>", want: blob.ErrStray, says: "web page (403 Forbidden)"},
		{name: "page: too busy", status: 503, kind: "text/html", body: "<html>", want: blob.ErrBusy, transient: true, says: "web page (503"},
		{name: "XML that is called a page", status: 404, kind: "text/html", body: missing, want: blob.ErrNotExist},
		{name: "XML", status: 404, kind: "application/xml", body: missing, want: blob.ErrNotExist},
		{name: "nothing", status: 502, want: blob.ErrBusy, transient: true},
		{
			name: "redirect", status: 307, location: "https://user:pass@elsewhere.example.com/x?X-Amz-Signature=abc", want: blob.ErrStray,
			says: "it redirects to elsewhere.example.com (307 Temporary Redirect)",
		},
		{name: "redirect for good", status: 301, location: "http://elsewhere.example.com/", want: blob.ErrStray, says: "redirects to elsewhere.example.com"},
		{name: "redirect to https", status: 301, location: "https://127.0.0.1/backups/a", want: blob.ErrPlain, says: "redirects to 127.0.0.1"},
		{name: "another region", status: 301, want: blob.ErrRegion},
		{name: "redirect to nowhere", status: 302, location: "::", want: blob.ErrStray, says: "it redirects to nowhere (302 Found)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := answering(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead && r.URL.Path == "/backups/" {
					return // the bucket is there
				}
				w.Header().Set("Content-Type", c.kind)
				if c.location != "" {
					w.Header().Set("Location", c.location)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, getErr := store.Get(t.Context(), "a", 0, -1, "")
			if !errors.Is(getErr, c.want) || retry.Transient(getErr) != c.transient || !strings.Contains(getErr.Error(), c.says) {
				t.Errorf("Get: %v, transient %v", getErr, retry.Transient(getErr))
			}
			if c.status == http.StatusOK {
				return // what an object's headers look like is not known
			}
			if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, c.want) {
				t.Errorf("Stat: %v", err)
			}
		})
	}
}

func TestAnObjectThatWasAcknowledgedAndIsNotThereIsAnError(t *testing.T) {
	for name, tag := range map[string]string{"with an ETag": `"0123456789abcdef0123456789abcdef"`, "without one": ""} {
		t.Run(name, func(t *testing.T) {
			store := answering(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPut {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if tag != "" {
					w.Header().Set("ETag", tag)
				}
				_, _ = io.Copy(io.Discard, r.Body)
			})
			_, err := store.Put(t.Context(), "a", strings.NewReader("content"), blob.PutOptions{})
			if !errors.Is(err, blob.ErrBusy) || !strings.Contains(err.Error(), "it acknowledged") {
				t.Errorf("Put: %v", err)
			}
		})
	}
}

func TestAnObjectThatMayNotBeLookedAtIsStored(t *testing.T) {
	store := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		_, _ = io.Copy(io.Discard, r.Body)
	})
	if info, err := store.Put(t.Context(), "a", strings.NewReader("content"), blob.PutOptions{}); err != nil || info.Size != 7 {
		t.Errorf("Put: %+v, %v", info, err)
	}
}
