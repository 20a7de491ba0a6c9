package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/server"
)

// What the connection of a request does, next to the troubles of s3Front.
const (
	reset      s3Trouble = "reset"       // a TCP reset, in place of an answer
	resetHalf  s3Trouble = "reset half"  // a TCP reset when half of the request's body has come
	closedHalf s3Trouble = "closed half" // an end without an answer when half of the request's body has come
	hangs      s3Trouble = "hangs"       // the request is taken and never answered
	hangsHalf  s3Trouble = "hangs half"  // half of the request's body is taken, and then nothing
	answerHang s3Trouble = "answer hang" // it happens, half of the answer comes, and then nothing
)

// What stands between a client and a server says, in the server's place. Where it says that the request has happened,
// it has not.
const (
	busyPage  s3Trouble = "busy page"  // 503 and a web page, as load balancers do
	gonePage  s3Trouble = "gone page"  // 404 and a web page
	loginPage s3Trouble = "login page" // 200 and a web page, as captive portals do
	elsewhere s3Trouble = "elsewhere"  // 307 to where nobody is
	lateError s3Trouble = "late error" // 200, and an error in the body
	phantom   s3Trouble = "phantom"    // 200: nothing was stored, and nobody says so
	unranged  s3Trouble = "unranged"   // 200 and the whole object for a range
	padded    s3Trouble = "padded"     // the second half of the answer is other bytes
	shortened s3Trouble = "shortened"  // the first half of the answer, with a length that fits it
)

// newS3TLSFront is newS3Front with TLS on both sides. caFile is for its clients.
func newS3TLSFront(t *testing.T, s *server.S3) (f *s3Front, caFile string) {
	t.Helper()
	f = openS3Front(t, s)
	front := httptest.NewUnstartedServer(f)
	front.Config.ErrorLog = f.proxy.ErrorLog
	front.StartTLS()
	f.closes(t, front)
	f.address = strings.TrimPrefix(front.URL, "https://")
	caFile = filepath.Join(t.TempDir(), "front.crt")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(caFile, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return f, caFile
}

// trusting is what it takes to speak to a server with a certificate of this authority; nil when there is none.
func trusting(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	if caFile == "" {
		return nil
	}
	data, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: pool}
}

// misbehave is the rest of ServeHTTP.
func (f *s3Front) misbehave(trouble s3Trouble, until <-chan struct{}, w http.ResponseWriter, r *http.Request) {
	switch trouble {
	case reset:
		hangUp(w, true)
	case resetHalf, closedHalf:
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		hangUp(w, trouble == resetHalf)
	case hangs, hangsHalf:
		if trouble == hangsHalf {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		}
		hang(r, until)
	case answerHang:
		answer := f.ask(r, w)
		body := answer.Body.Bytes()
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		hang(r, until)
	default:
		f.lie(trouble, w, r)
	}
}

// hangUp ends the connection under a request, with a reset or as if there were no more to say.
func hangUp(w http.ResponseWriter, withReset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok && withReset {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// hang lasts until the client or the test has enough.
func hang(r *http.Request, until <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-until:
	}
	panic(http.ErrAbortHandler)
}

// ask has the server answer, and copies the headers.
func (f *s3Front) ask(r *http.Request, w http.ResponseWriter) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	return answer
}

// whole is the object that a request is about. The request's own range is signed and could not be taken away.
func (f *s3Front) whole(r *http.Request) ([]byte, minio.ObjectInfo) {
	client, err := f.server.Client(f.server.Root)
	if err != nil {
		panic(err)
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	object, err := client.GetObject(r.Context(), s3Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		panic(err)
	}
	defer object.Close()
	data, err := io.ReadAll(object)
	if err != nil {
		panic(err)
	}
	info, err := object.Stat()
	if err != nil {
		panic(err)
	}
	return data, info
}

const webPage = "<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%[1]s</h1></body></html>\n"

// lie answers in the server's place, or alters what it says.
func (f *s3Front) lie(trouble s3Trouble, w http.ResponseWriter, r *http.Request) {
	page := func(code int, title string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		fmt.Fprintf(w, webPage, title)
	}
	switch trouble {
	case busyPage:
		page(http.StatusServiceUnavailable, "503 Service Temporarily Unavailable")
	case gonePage:
		page(http.StatusNotFound, "404 Not Found")
	case loginPage:
		page(http.StatusOK, "Please log in")
	case elsewhere:
		w.Header().Set("Location", "https://127.0.0.1:1/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case lateError:
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n\n"+
			"<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>")
	case phantom:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		if s3Stage(r) == "complete" {
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>`+
				`<ETag>"0123456789abcdef0123456789abcdef-3"</ETag></CompleteMultipartUploadResult>`)
		}
	case unranged:
		data, info := f.whole(r)
		w.Header().Set("Content-Length", fmt.Sprint(info.Size))
		w.Header().Set("ETag", `"`+info.ETag+`"`)
		w.Header().Set("Last-Modified", info.LastModified.UTC().Format(http.TimeFormat))
		_, _ = w.Write(data)
	case padded, shortened:
		f.alter(trouble, w, r)
	default:
		panic("no such trouble: " + trouble)
	}
}

// alter changes what comes back, and leaves nothing else to see of it.
func (f *s3Front) alter(trouble s3Trouble, w http.ResponseWriter, r *http.Request) {
	answer := f.ask(r, w)
	body := answer.Body.Bytes()
	if trouble == shortened {
		body = body[:len(body)/2]
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	} else {
		clear(body[len(body)/2:])
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}
