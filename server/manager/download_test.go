package manager

import (
	"net/http"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// person makes somebody with a role in the cluster's namespace, and returns a token.
func (f *fixture) person(t *testing.T, role string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: role}}
	create(t, f.all, account)
	create(t, f.all, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "c-one", Name: role}},
	})
	request := new(authenticationv1.TokenRequest)
	if err := f.all.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// linksToSnapshotsAreForThoseWhoMayDownload asks for one that is not there: whoever may download is told that.
func linksToSnapshotsAreForThoseWhoMayDownload(t *testing.T, f *fixture) {
	ask := func(token, name string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+f.Address()+download.PathOf("c-one", name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		return f.send(t, request)
	}
	operator, viewer := f.person(t, "holdfast-operator"), f.person(t, "holdfast-viewer")
	eventually(t, "the operator's role is known", func() bool { status, _ := ask(operator, "none"); return status == http.StatusNotFound })
	for _, test := range []struct {
		who, token string
		status     int
		says       string
	}{
		{"nobody", "", http.StatusUnauthorized, "send a token"},
		{"a guess", "guess", http.StatusUnauthorized, "Unauthorized"},
		{"a viewer", viewer, http.StatusForbidden, "etcdsnapshots/download"},
		{"an operator", operator, http.StatusNotFound, `"none" not found`},
		{"an administrator", f.admin.token, http.StatusNotFound, `"none" not found`},
	} {
		if status, body := ask(test.token, "none"); status != test.status || !strings.Contains(body, strings.ReplaceAll(test.says, `"`, `\"`)) {
			t.Errorf("%s: %d %s", test.who, status, body)
		}
	}
	agent, err := rest.HTTPClientFor(f.mustJoin(t, "node9", v1alpha1.RoleEtcd).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := agent.Post("https://"+f.Address()+download.PathOf("c-one", "none"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("an agent: %s", answer.Status)
	}
}
