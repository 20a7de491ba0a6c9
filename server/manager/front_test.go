package manager

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/web"
)

func TestARestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	f := startIn(t, dir, &clock{})
	f.addCluster(t)
	agent := f.mustJoin(t, "node1", v1alpha1.RoleEtcd)
	before, hash, token, port := f.front.info, f.front.ca.Hash(), f.admin.token, f.front.port()
	if info, err := os.Stat(f.cfg.kubeconfig()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig has mode %v, %v", info.Mode(), err)
	}
	if !f.admin.fresh {
		t.Error("the first start has no token to show")
	}
	f.end()

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cfg := f.cfg
	cfg.Listen = "127.0.0.1:" + port
	m, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	f = newFixture(t, m, f.clock)
	if f.front.ca.Hash() != hash || f.front.info.Pin != before.Pin || f.front.info.CA != before.CA {
		t.Error("the CA or the pin is another")
	}
	if f.admin.token != token || f.admin.fresh {
		t.Error("the administrator's token is another")
	}
	if err := read(t, f.administrator(t), &v1alpha1.Cluster{}, "one"); err != nil {
		t.Error(err)
	}
	if err := agent.Renew(t.Context()); err != nil {
		t.Errorf("the agent's identity: %v", err)
	}
	if err := read(t, connect(t, agent.RESTConfig()), &v1alpha1.Machine{}, "node1"); err != nil {
		t.Errorf("the agent's token: %v", err)
	}
}

func TestALostKubeconfigIsMadeAnewAndAWithdrawnTokenToo(t *testing.T) {
	dir := t.TempDir()
	f := startIn(t, dir, &clock{})
	again := func() admin {
		t.Helper()
		a, err := newAdmin(t.Context(), f.cfg, f.plane.api, f.front)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := again(); a.fresh {
		t.Error("a good token was replaced")
	}
	if err := os.Remove(f.cfg.kubeconfig()); err != nil {
		t.Fatal(err)
	}
	if a := again(); !a.fresh || a.token == f.admin.token {
		t.Error("the kubeconfig is gone and there is no new token")
	}
	bound := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "holdfast-system", Name: adminSecret}}
	if err := f.all.Delete(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the withdrawn token is refused and replaced", func() bool { return again().fresh })
	if err := f.administrator(t).List(t.Context(), &v1alpha1.ClusterList{}); err != nil {
		t.Error(err)
	}
}

// TestThePort tries on one manager what its port and its start say.
func TestThePort(t *testing.T) {
	f := start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"TheTokenIsToldOnATerminalAlone", theTokenIsToldOnATerminalAlone},
		{"TwoManagersDontShareADirectory", twoManagersDontShareADirectory},
		{"APortThatIsTakenIsToldWithWhatToDo", aPortThatIsTakenIsToldWithWhatToDo},
		{"MetricsAreForThoseWhoMayReadThem", metricsAreForThoseWhoMayReadThem},
		{"LinksToSnapshotsAreForThoseWhoMayDownload", linksToSnapshotsAreForThoseWhoMayDownload},
		{"NobodySaysWhoHeIsByAHeader", nobodySaysWhoHeIsByAHeader},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, f) })
	}
}

func theTokenIsToldOnATerminalAlone(t *testing.T, f *fixture) {
	var terminal, log bytes.Buffer
	f.Welcome(&terminal, true)
	f.Welcome(&log, false)
	if !strings.Contains(terminal.String(), f.admin.token) || strings.Contains(log.String(), f.admin.token) {
		t.Errorf("on a terminal:\n%s\nin a log:\n%s", &terminal, &log)
	}
	if !strings.Contains(log.String(), "sha256:"+f.front.ca.Hash()) {
		t.Errorf("the CA's fingerprint is not in\n%s", &log)
	}
}

func TestOpenWatchesDontKeepTheManagerFromEnding(t *testing.T) {
	f := start(t)
	admin := f.administrator(t)
	for range 5 {
		w, err := admin.Watch(t.Context(), &v1alpha1.ClusterList{}, client.InNamespace("c-one"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		<-w.ResultChan()
	}
	ended := make(chan struct{})
	go func() { defer close(ended); f.end() }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second): // without care it is a minute and more
		t.Error("it does not end")
	}
}

func twoManagersDontShareADirectory(t *testing.T, f *fixture) {
	_, err := Start(t.Context(), f.cfg)
	if err == nil || !strings.Contains(err.Error(), "another holdfast-server runs there") {
		t.Errorf("got %v", err)
	}
}

func aPortThatIsTakenIsToldWithWhatToDo(t *testing.T, f *fixture) {
	cfg := f.cfg
	cfg.DataDir, cfg.Listen = t.TempDir(), f.Address()
	m, err := Start(t.Context(), cfg)
	if err == nil {
		newFixture(t, m, f.clock)
	}
	if problem.KindOf(err) != problem.Refused || !strings.Contains(problem.NextOf(err), "--listen") {
		t.Errorf("got %v", err)
	}
}

func metricsAreForThoseWhoMayReadThem(t *testing.T, f *fixture) {
	if status, _ := f.get(t, "/metrics", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	if status, _ := f.get(t, "/metrics", "guess"); status != http.StatusUnauthorized {
		t.Errorf("with a guessed token: %d", status)
	}
	if status, body := f.get(t, "/metrics", f.admin.token); status != http.StatusForbidden {
		t.Errorf("without the right: %d %s", status, body)
	}
	create(t, f.all, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "holdfast-metrics"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "holdfast-system", Name: adminName}},
	})
	eventually(t, "whoever has the right is let in", func() bool {
		status, _ := f.get(t, "/metrics", f.admin.token)
		return status == http.StatusOK
	})
	if _, body := f.get(t, "/metrics", f.admin.token); !strings.Contains(body, "controller_runtime_reconcile_total") {
		t.Errorf("it gets\n%.2000s", body)
	}
}

func nobodySaysWhoHeIsByAHeader(t *testing.T, f *fixture) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+f.Address()+"/k8s/api/v1/secrets", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Remote-User", "system:admin")
	request.Header.Set("X-Remote-Group", "system:masters")
	if status, body := f.send(t, request); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	page := http.StatusOK
	if _, err := fs.Stat(web.Files(), "index.html"); err != nil {
		page = http.StatusNotFound // it was not built
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/install.sh": 200, "/": page, "/v1/enroll": 405} {
		if status, _ := f.get(t, path, ""); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func (f *fixture) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://%s%s", f.Address(), path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return f.send(t, request)
}

func (f *fixture) send(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.front.ca.Pool()}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
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
