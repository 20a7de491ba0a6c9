package httpd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// api answers with what reached it.
func api(t *testing.T) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\n", r.Method, r.URL)
		_ = r.Header.Write(w)
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, BearerToken: "the-managers-own"}
}

func front(t *testing.T, cfg Config) *httptest.Server {
	t.Helper()
	cfg.API = api(t)
	cfg.Enroll, cfg.Metrics = http.NotFoundHandler(), http.NotFoundHandler()
	cfg.SessionKey, cfg.Now = make([]byte, 32), time.Now
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestTheAPIGetsTheCallersCredentialAndNoOther(t *testing.T) {
	server := front(t, Config{})
	_, got := get(t, server.URL+"/k8s/api/v1/pods?watch=true", "Authorization", "Bearer mine",
		"X-Remote-User", "system:admin", "x-remote-extra-scopes", "all")
	if !strings.HasPrefix(got, "GET /api/v1/pods?watch=true\n") || !strings.Contains(got, "Authorization: Bearer mine") {
		t.Errorf("the API got\n%s", got)
	}
	if strings.Contains(strings.ToLower(got), "x-remote") {
		t.Errorf("somebody can say who he is:\n%s", got)
	}
	if _, got = get(t, server.URL+"/k8s/version"); strings.Contains(got, "the-managers-own") {
		t.Errorf("the manager lends its rights:\n%s", got)
	}
}

func TestTheAgentArrivesWithItsSum(t *testing.T) {
	dir := t.TempDir()
	program := bytes.Repeat([]byte("agent"), 1000)
	if err := os.WriteFile(filepath.Join(dir, "holdfast-agent-linux-arm64"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := front(t, Config{Agents: dir})
	if status, got := get(t, server.URL+"/agent/linux-arm64"); status != http.StatusOK || got != string(program) {
		t.Errorf("%d, %d bytes", status, len(got))
	}
	if _, got := get(t, server.URL+"/agent/linux-arm64.sha256"); got != fmt.Sprintf("%x\n", sha256.Sum256(program)) {
		t.Errorf("the sum is %s", got)
	}
	for _, path := range []string{"linux-riscv64", "..%2f..%2fsecret", "%2e%2e%2fsecret", "secret", "linux-arm64%00", ""} {
		if status, got := get(t, server.URL+"/agent/"+path); status != http.StatusNotFound {
			t.Errorf("%q: %d %s", path, status, got)
		}
	}
}

func TestTheInstallScriptIsAShellScriptThatNamesWhereItCameFrom(t *testing.T) {
	server := front(t, Config{Pin: "sha256//abc+/="})
	for _, host := range []string{"holdfast.example.com:8443", "10.0.0.1", "[fd00::1]:8443"} {
		_, script := get(t, server.URL+"/install.sh", "Host", host)
		for _, want := range []string{"server='https://" + host + "'", "pin='sha256//abc+/='", "ExecStart=/usr/local/bin/holdfast-agent run"} {
			if !strings.Contains(script, want) {
				t.Errorf("%s is not in the script", want)
			}
		}
		check := exec.Command("sh", "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	for _, host := range []string{"a'b", "a$(b)", "a b", "a;b", "`a`"} {
		if status, _ := get(t, server.URL+"/install.sh", "Host", host); status != http.StatusBadRequest {
			t.Errorf("host %q is taken: %d", host, status)
		}
	}
}

// TestAScriptThatArrivedInPartDoesNothing cuts it everywhere, as a connection that breaks would.
func TestAScriptThatArrivedInPartDoesNothing(t *testing.T) {
	server := front(t, Config{Pin: "sha256//abc"})
	_, script := get(t, server.URL+"/install.sh", "Host", "10.0.0.1")
	last := strings.LastIndex(script, "install_agent")
	for cut := 0; cut < last; cut += 97 {
		run := exec.Command("sh", "-x")
		run.Stdin, run.Env = strings.NewReader(script[:cut]), []string{"PATH=/nonexistent"}
		out, _ := run.CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "+ ") && line != "+ set -eu\n" {
				t.Fatalf("cut at %d it runs %s", cut, line)
			}
		}
	}
}

func TestHealthSaysWhetherTheManagerCanWork(t *testing.T) {
	var broken error
	server := front(t, Config{Ready: func(context.Context) error { return broken }})
	for _, test := range []struct {
		broken error
		path   string
		status int
	}{
		{nil, "/readyz", http.StatusOK}, {nil, "/healthz", http.StatusOK},
		{errors.New("no API"), "/readyz", http.StatusServiceUnavailable}, {errors.New("no API"), "/healthz", http.StatusOK},
	} {
		broken = test.broken
		if status, _ := get(t, server.URL+test.path); status != test.status {
			t.Errorf("%s with %v: %d", test.path, test.broken, status)
		}
	}
}
