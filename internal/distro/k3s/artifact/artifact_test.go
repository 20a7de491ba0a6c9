package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

const version = "v1.36.3+k3s1"

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// release writes files and their sums.
func release(t *testing.T, dir string, sums string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		lines.WriteString(sumOf(content) + "  " + name + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, sums), []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// packed is a tar archive of a release.
func packed(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, content := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// unpacked is what a release brings.
func unpacked(t *testing.T, r *Release, program string, more ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	to := map[string]string{}
	for _, name := range append(more, program) {
		to[name] = filepath.Join(dir, name)
	}
	if err := r.Unpack(t.Context(), program, to); err != nil {
		t.Fatal(err)
	}
	return contents(t, dir)
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

func TestAReleaseIsFoundWhereItLies(t *testing.T) {
	n := namesOf("k3s", "amd64")
	for _, tt := range []struct {
		name string
		put  func(t *testing.T, keep, dir string)
	}{
		{"kept", func(t *testing.T, keep, _ string) {
			release(t, filepath.Join(keep, version), n.sums, map[string]string{"k3s": "it"})
		}},
		{"in the operator's directory", func(t *testing.T, _, dir string) {
			release(t, dir, n.sums, map[string]string{"k3s": "it", "k3s-airgap-images-amd64.tar.zst": "images"})
		}},
		{"there by its version", func(t *testing.T, _, dir string) {
			release(t, dir, n.sums, map[string]string{"k3s": "another"})
			release(t, filepath.Join(dir, version), n.sums, map[string]string{"k3s": "it"})
		}},
	} {
		keep, dir := t.TempDir(), t.TempDir()
		tt.put(t, keep, dir)
		s := New(Config{Name: "k3s", Keep: keep, Dir: dir})
		s.names = n
		r, err := s.Find(t.Context(), version)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(map[string]string{"k3s": "it"}, unpacked(t, r, "k3s", "k3s-killall.sh")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestAnArchiveBringsProgramAndScriptsAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	s := New(Config{Name: "rke2", Keep: t.TempDir(), Dir: dir})
	s.names = namesOf("rke2", "amd64")
	release(t, dir, s.names.sums, map[string]string{
		s.names.archive: packed(t, map[string]string{
			"bin/rke2": "it", "bin/rke2-killall.sh": "script", "lib/systemd/system/rke2-server.service": "unit", "share/rke2/rke2": "a trap", "bin/other": "x",
		}),
		"rke2-images.linux-amd64.tar.zst": "images",
	})
	r, err := s.Find(t.Context(), "v1.36.3+rke2r1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"rke2": "it", "rke2-killall.sh": "script"}, unpacked(t, r, "rke2", "rke2-killall.sh", "rke2-uninstall.sh")); diff != "" {
		t.Error(diff)
	}
	to := filepath.Join(t.TempDir(), "images")
	if err := r.CopyImages(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(to); err != nil || string(data) != "images" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestWhatIsNotWhatItsSumSaysIsRefused(t *testing.T) {
	for _, program := range []string{"k3s", "rke2"} {
		dir := t.TempDir()
		s := New(Config{Name: program, Keep: t.TempDir(), Dir: dir})
		s.names = namesOf(program, "amd64")
		release(t, dir, s.names.sums, map[string]string{s.wanted(): packed(t, map[string]string{"bin/rke2": "it"})})
		f, err := os.OpenFile(filepath.Join(dir, s.wanted()), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("more"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := s.Find(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		err = r.Unpack(t.Context(), program, map[string]string{program: filepath.Join(to, program)})
		if problem.KindOf(err) != problem.Damaged || len(contents(t, to)) > 0 {
			t.Errorf("%s: %v, %v", program, err, contents(t, to))
		}
	}
}

func TestWhatIsMissingIsSaidWithWhereItWasLookedFor(t *testing.T) {
	keep, dir := t.TempDir(), t.TempDir()
	s := New(Config{Name: "k3s", Keep: keep, Dir: dir, URL: "http://mirror.example.com/{version}"})
	_, err := s.Find(t.Context(), version)
	if !errors.Is(err, distro.ErrNoArtifact) {
		t.Fatal(err)
	}
	for _, want := range []string{keep, filepath.Join(dir, version), dir + ":", "must begin with https://"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing: %v", want, err)
		}
	}
	// A sum without its file, a file without its sum, and a list that is none.
	for _, text := range []string{sumOf("it") + "  k3s\n", sumOf("it") + "  other\n", "<html>"} {
		if err := os.WriteFile(filepath.Join(dir, s.names.sums), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Find(t.Context(), version); !errors.Is(err, distro.ErrNoArtifact) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, bad := range []string{"", "../v1", "v1/..", "1.2"} {
		if _, err := s.Find(t.Context(), bad); err == nil {
			t.Errorf("%q is taken for a version", bad)
		}
	}
}

func TestAMirrorIsAskedOverHTTPSAndItsFilesAreKept(t *testing.T) {
	files := map[string]string{}
	mirror := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.EscapedPath()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content))
	}))
	defer mirror.Close()
	s := New(Config{Name: "k3s", Keep: t.TempDir(), URL: mirror.URL + "/r/{version}/", Client: mirror.Client()})
	if _, err := s.Find(t.Context(), version); !errors.Is(err, distro.ErrNoArtifact) {
		t.Errorf("an empty mirror: %v", err)
	}
	base := "/r/v1.36.3%2Bk3s1/"
	files[base+s.names.sums] = sumOf("it") + "  " + s.names.program + "\n"
	files[base+s.names.program] = "it, changed"
	r, err := s.Find(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Fetch(t.Context()); problem.KindOf(err) != problem.Damaged {
		t.Errorf("a file that is not what its sum says: %v", err)
	}
	if _, err := s.open(filepath.Join(s.cfg.Keep, version)); err == nil {
		t.Error("it is kept all the same")
	}
	files[base+s.names.program] = "it"
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	mirror.Close()
	if r, err = s.Find(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"k3s": "it"}, unpacked(t, r, "k3s")); diff != "" {
		t.Error(diff)
	}
}

func TestTheProgramOfAVersionIsKeptForAsLongAsItIsNamed(t *testing.T) {
	keep, program := filepath.Join(t.TempDir(), "artifacts"), filepath.Join(t.TempDir(), "rke2")
	if err := os.WriteFile(program, []byte("first"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := New(Config{Name: "rke2", Keep: keep})
	if err := s.Prune(nil); err != nil {
		t.Error(err)
	}
	// A copy that was cut has no sum, and is made again.
	if err := errors.Join(os.MkdirAll(filepath.Join(keep, "v1"), 0o700), os.WriteFile(filepath.Join(keep, "v1", s.names.program), []byte("fi"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Keep(t.Context(), "v1", program); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(program, []byte("second"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(t.Context(), "v2", program); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"v1": "first", "v2": "second"} {
		r, err := s.Find(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"rke2": want}, unpacked(t, r, "rke2")); diff != "" {
			t.Error(diff)
		}
	}
	past := time.Now().Add(-time.Hour)
	for _, version := range []string{"v0", "v1"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(keep, version), 0o700), os.Chtimes(filepath.Join(keep, version), past, past)); err != nil {
			t.Fatal(err)
		}
		past = past.Add(-time.Hour)
	}
	if err := s.Prune([]string{"v2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(keep, "v0")); err != nil {
		t.Errorf("the newest of the others: %v", err)
	}
	if _, err := s.Find(t.Context(), "v1"); !errors.Is(err, distro.ErrNoArtifact) {
		t.Errorf("v1 is still there: %v", err)
	}
	if _, err := s.Find(t.Context(), "v2"); err != nil {
		t.Error(err)
	}
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := copyTo(ctx, filepath.Join(t.TempDir(), "a"), strings.NewReader("x"), 0o600); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
