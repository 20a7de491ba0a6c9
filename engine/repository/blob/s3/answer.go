package s3

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// strayError is an answer that no S3 server gives: something on the way answers in its place, such as a load balancer
// without a server behind it or a portal that wants a log-in; or the endpoint is another service.
type strayError struct {
	status string
	what   string
	// passing: what is on the way says that it is only busy.
	passing bool
	// wantsTLS: it sends who speaks plain http to https.
	wantsTLS bool
}

func (e *strayError) Error() string { return fmt.Sprintf("%s (%s)", e.what, e.status) }

// strayGuard turns answers that are no server's into errors. Otherwise a web page that says "not found" would be taken
// for the news that an object is missing, and one that says "log in" for a success.
type strayGuard struct{ next http.RoundTripper }

// RoundTrip sends one request.
func (g *strayGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if stray := judge(req, resp); stray != nil {
		_ = resp.Body.Close() // of no use, and the error says more
		return nil, stray
	}
	return resp, nil
}

func judge(req *http.Request, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusMovedPermanently:
		// S3's own word for a bucket in another region: it names the region, and no place to go to.
		if resp.Header.Get("Location") == "" || resp.Header.Get("X-Amz-Bucket-Region") != "" {
			break
		}
		return redirected(req, resp)
	case http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return redirected(req, resp)
	}
	if isPage(req, resp) {
		return &strayError{status: resp.Status, what: "it answers with a web page", passing: passingStatus(resp.StatusCode)}
	}
	return nil
}

func redirected(req *http.Request, resp *http.Response) error {
	to, err := resp.Location()
	return &strayError{
		status: resp.Status, what: "it redirects to " + target(resp),
		wantsTLS: err == nil && req.URL.Scheme == "http" && to.Scheme == "https" && to.Hostname() == req.URL.Hostname(),
	}
}

// target is where a redirect leads: the host is what matters, and the rest may hold a signature.
func target(resp *http.Response) string {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return "nowhere"
	}
	return cmp.Or(to.Host, "the same host")
}

// pageStart is how much of a body is looked at: a web page begins with its type.
const pageStart = 512

// isPage looks at the body too, because some servers call their XML a web page. An answer to HEAD has none: there an
// object may be one, and a refusal is looked into with GET (see head).
func isPage(req *http.Request, resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "text/html" {
		return false
	}
	if req.Method == http.MethodHead {
		return resp.StatusCode >= http.StatusBadRequest
	}
	start := make([]byte, pageStart)
	n, err := io.ReadFull(resp.Body, start)
	start = start[:n]
	rest := []io.Reader{bytes.NewReader(start)}
	if err == nil {
		rest = append(rest, resp.Body)
	} else if err != io.EOF && err != io.ErrUnexpectedEOF {
		rest = append(rest, failing{err})
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(rest...), resp.Body}
	text := strings.ToLower(string(bytes.TrimSpace(start)))
	return strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html")
}

// failing reads as a body that broke.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
