package manager

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// TestPeopleAndPrometheusGetInAsTheManualSays runs what docs/server.md tells, as it stands there but for the names of
// files and hosts.
func TestPeopleAndPrometheusGetInAsTheManualSays(t *testing.T) {
	f := start(t)
	dir := t.TempDir()
	f.manual(t, dir, "```sh", "create serviceaccount alice")
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "alice.kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	alice := connect(t, config)
	eventually(t, "alice sees the clusters", func() bool { return alice.List(t.Context(), &v1alpha1.ClusterList{}) == nil })
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "hers"}}
	create(t, alice, save)
	cluster := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "one"}}
	if err := alice.Delete(t.Context(), cluster); !apierrors.IsForbidden(err) {
		t.Errorf("an operator removes a cluster: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "alice.kubeconfig")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("her kubeconfig has mode %v, %v", info.Mode(), err)
	}

	f.manual(t, dir, "```sh", "create serviceaccount prometheus")
	scraped := func() int {
		return scrape(t, f.Address(), filepath.Join(dir, "holdfast.token"), filepath.Join(dir, "holdfast-ca.crt"))
	}
	eventually(t, "Prometheus reads the metrics", func() bool { return scraped() == http.StatusOK })
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(f.said(t, "```yaml", "job_name: holdfast", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, dir, "promtool check config prometheus.yml")
	shell(t, dir, "KUBECONFIG="+f.cfg.kubeconfig()+" kubectl -n holdfast-system delete serviceaccount prometheus")
	eventually(t, "its token has ended", func() bool { return scraped() == http.StatusUnauthorized })
}

// TestAnAdministratorGivesAwayHoldfastsRolesAndNoOthers: what he has not, he can give to nobody, himself included.
func TestAnAdministratorGivesAwayHoldfastsRolesAndNoOthers(t *testing.T) {
	f := start(t)
	admin := f.administrator(t)
	somebody := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "somebody"}}
	for role, allowed := range map[string]bool{
		"holdfast-viewer": true, "holdfast-operator": true, "holdfast-admin": true, "holdfast-metrics": true,
		"holdfast-manager": false, "cluster-admin": false, "system:node": false,
	} {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
		for _, binding := range []client.Object{
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, RoleRef: ref, Subjects: somebody},
			&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", GenerateName: "test-"}, RoleRef: ref, Subjects: somebody},
		} {
			err := admin.Create(t.Context(), binding)
			if allowed && err != nil || !allowed && !apierrors.IsForbidden(err) {
				t.Errorf("%T of %s: %v", binding, role, err)
			}
		}
	}
	all := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}
	for _, role := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Rules: all},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "holdfast-viewer"}, Rules: all},
	} {
		if err := admin.Create(t.Context(), role); !apierrors.IsForbidden(err) {
			t.Errorf("a role of his own: %v", err)
		}
	}
	escalated := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "holdfast-viewer"}}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(escalated), escalated); err != nil {
		t.Fatal(err)
	}
	escalated.Rules = all
	if err := admin.Update(t.Context(), escalated); !apierrors.IsForbidden(err) {
		t.Errorf("a role that may be bound, made greater: %v", err)
	}
}

// manual runs the block of docs/server.md in which a text stands, with this manager's files and port.
func (f *fixture) manual(t *testing.T, dir, fence, holds string) {
	t.Helper()
	shell(t, dir, f.said(t, fence, holds, dir))
}

func (f *fixture) said(t *testing.T, fence, holds, dir string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(page), fence+"\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		if strings.Contains(block, holds) {
			return strings.NewReplacer("/var/lib/holdfast-server/kubeconfig", f.cfg.kubeconfig(), "holdfast.example.com:8443", f.Address()).Replace(block) + "\n"
		}
	}
	t.Fatalf("docs/server.md has no %s block with %q", fence, holds)
	return ""
}

func shell(t *testing.T, dir, script string) {
	t.Helper()
	tools, err := filepath.Abs("../../.cache/tools")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + tools + ":" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
}

// scrape asks as Prometheus does, and returns the answer's status.
func scrape(t *testing.T, address, tokenFile, caFile string) int {
	t.Helper()
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no certificate in\n%s", ca)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}
