package httpd

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// nonceMark stands in index.html where the nonce of this answer comes. The page hands it to the editor, which makes style
// sheets at run time.
const nonceMark = "{{nonce}}"

// page serves the web page. Its paths are the page's own affair: what is no file is index.html.
type page struct {
	files fs.FS
	index []byte
}

// newPage serves a hint when the page was not built.
func newPage(files fs.FS) (http.Handler, error) {
	if files == nil {
		return http.HandlerFunc(notBuilt), nil
	}
	index, err := fs.ReadFile(files, "index.html")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.HandlerFunc(notBuilt), nil
	case err != nil:
		return nil, err
	}
	return &page{files: files, index: index}, nil
}

func notBuilt(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this manager was built without its web page: make build builds both", http.StatusNotFound)
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "index.html" || path.Ext(name) == "" {
		p.serveIndex(w)
		return
	}
	content, err := fs.ReadFile(p.files, name)
	if err != nil {
		http.Error(w, "the page has no such file: load it anew", http.StatusNotFound)
		return
	}
	// The files' names hold a hash of their content.
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	p.send(w, r, name, content)
}

// send sends a file, packed where the browser takes that and the build has made it.
func (p *page) send(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Content-Type", contentType(name))
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed, err := fs.ReadFile(p.files, name+".gz"); err == nil {
			w.Header().Set("Content-Encoding", "gzip")
			content = packed
		}
	}
	_, _ = w.Write(content)
}

// contentType of the kinds of files that a build makes. What a system's own tables say differs from machine to machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".json":
		return "application/json"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}

func (p *page) serveIndex(w http.ResponseWriter) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never returns an error
	nonce := base64.RawStdEncoding.EncodeToString(random[:])
	h := w.Header()
	h.Set("Content-Security-Policy", policy(nonce))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(bytes.ReplaceAll(p.index, []byte(nonceMark), []byte(nonce)))
}

// policy lets the page load what this manager serves, and nothing else, from nowhere else.
func policy(nonce string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self' 'nonce-" + nonce + "'", "font-src 'self'",
		"img-src 'self' data:", "connect-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}
