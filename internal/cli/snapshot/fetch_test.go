package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// bucket serves one object, and cuts what it sends.
type bucket struct {
	data []byte
	// cut is after how many bytes an answer breaks off; 0: not.
	cut int
	// asked are the ranges that were asked for.
	asked []string
	// version of the object, and links that are good.
	version, good string
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.Header.Get("Range"))
	if r.URL.Query().Get("signature") != b.good {
		http.Error(w, "expired", http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", `"`+b.version+`"`)
	if b.cut > 0 {
		w = &cutter{w, b.cut}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.data))
}

// cutter breaks the connection in the middle of an answer.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n, _ := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush() // what was sent arrives
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func fetching(t *testing.T, b *bucket) (*fetch, string) {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	sum := sha256.Sum256(b.data)
	link := func(context.Context) (*download.Link, error) {
		return &download.Link{
			URL: server.URL + "/a.db?signature=" + b.good, Location: "s3://b/a.db", File: "a.db", Size: int64(len(b.data)), SHA256: hex.EncodeToString(sum[:]),
		}, nil
	}
	first, _ := link(t.Context())
	c := &console.Console{Err: io.Discard, Now: time.Now, Getenv: func(string) string { return "" }}
	return &fetch{link: first, again: link, console: c}, filepath.Join(t.TempDir(), "a.db")
}

func object(size int) *bucket {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	return &bucket{data: data, version: "1", good: "one"}
}

// nothing fails the test when anything but the wanted files is there.
func nothing(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}

func TestADownloadThatIsCutGoesOnWhereItWas(t *testing.T) {
	b := object(5 << 20)
	b.cut = 2 << 20
	f, path := fetching(t, b)
	view, err := f.into(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, b.data) || !view.Verified || view.Size != int64(len(b.data)) {
		t.Fatalf("%d bytes, %+v, %v", len(got), view, err)
	}
	if want := ",bytes=2097152-,bytes=4194304-"; strings.Join(b.asked, ",") != want {
		t.Errorf("it asked for %q, want %q", b.asked, want)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
}

func TestALinkThatHasEndedIsReplaced(t *testing.T) {
	b := object(1 << 20)
	f, path := fetching(t, b)
	b.good = "two"
	if _, err := f.into(t.Context(), path); err != nil {
		t.Fatal(err)
	}
}

func TestBytesThatAreNotTheManifestsAreNotKept(t *testing.T) {
	b := object(1 << 20)
	f, path := fetching(t, b)
	b.data[77]++
	if _, err := f.into(t.Context(), path); problem.KindOf(err) != problem.Damaged {
		t.Errorf("got %v", err)
	}
	nothing(t, path)
}

func TestTwoVersionsOfAnObjectAreNeverMixed(t *testing.T) {
	b := object(3 << 20)
	b.cut = 1 << 20
	f, path := fetching(t, b)
	again := f.again
	f.again = func(ctx context.Context) (*download.Link, error) {
		b.version = "2"
		return again(ctx)
	}
	_, err := f.into(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("got %v", err)
	}
	nothing(t, path)
}

func TestNoErrorShowsTheLink(t *testing.T) {
	b := object(1 << 20)
	f, path := fetching(t, b)
	f.link.URL = "http://127.0.0.1:1/a.db?signature=secret"
	f.again = func(context.Context) (*download.Link, error) {
		return nil, &problem.Error{Kind: problem.Unreachable, Why: "no"}
	}
	if _, err := f.into(t.Context(), path); err == nil || strings.Contains(err.Error(), "signature") {
		t.Errorf("got %v", err)
	}
	nothing(t, path)
}

func TestAFileThatIsThereIsReplacedOnlyOnPurpose(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "a.db")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		to, want string
		force    bool
		kind     problem.Kind
	}{
		{dir, "", false, problem.Refused}, {there, "", false, problem.Refused}, {dir, there, true, 0}, {there + "2", there + "2", false, 0},
		{there + "/b", "", false, problem.Usage},
	} {
		got, err := pathFor(test.to, "a.db", test.force)
		if got != test.want || (err != nil) != (test.kind != 0) || err != nil && problem.KindOf(err) != test.kind {
			t.Errorf("--to %s, --force=%v: %q, %v", test.to, test.force, got, err)
		}
	}
}
