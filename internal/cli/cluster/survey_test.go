package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// kubeconfigOf leads to an API server that has these Nodes.
func kubeconfigOf(t *testing.T, nodes ...core.Node) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/nodes" {
			t.Errorf("it was asked for %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(core.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}, Items: nodes})
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":%q}}],"contexts":[{"name":"a","context":{"cluster":"a"}}],"current-context":"a"}`, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func nodeOf(name, version string, roles ...string) core.Node {
	n := core.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	n.Status.NodeInfo.KubeletVersion = version
	for _, r := range roles {
		n.Labels["node-role.kubernetes.io/"+r] = "true"
	}
	return n
}

func TestAClusterTellsItsMachinesAndWhatItIs(t *testing.T) {
	got, err := survey(t.Context(), kubeconfigOf(t,
		nodeOf("w1", "v1.36.0+k3s1"), nodeOf("c1", "v1.37.2+k3s1", "control-plane"), nodeOf("s1", "v1.37.1+k3s1", "control-plane", "etcd", "master"),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := &surveyed{distro: v1alpha1.DistroK3s, version: "v1.37.1+k3s1", nodes: []surveyedNode{
		{"s1", []v1alpha1.Role{v1alpha1.RoleEtcd, v1alpha1.RoleControlPlane}},
		{"c1", []v1alpha1.Role{v1alpha1.RoleControlPlane}},
		{"w1", []v1alpha1.Role{v1alpha1.RoleWorker}},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(surveyed{}, surveyedNode{})); diff != "" {
		t.Error(diff)
	}
}

func TestAClusterOfAnotherKindIsNotGuessedAt(t *testing.T) {
	got, err := survey(t.Context(), kubeconfigOf(t, nodeOf("a", "v1.37.0", "control-plane")))
	if err != nil || got.distro != "" || len(got.nodes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatCanNotBeAskedIsSaidToBeSo(t *testing.T) {
	if _, err := survey(t.Context(), filepath.Join(t.TempDir(), "none")); problem.KindOf(err) != problem.NotFound {
		t.Errorf("no kubeconfig: %v", err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"http://127.0.0.1:1"}}],"contexts":[{"name":"a","context":{"cluster":"a"}}],"current-context":"a"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := survey(t.Context(), path); problem.KindOf(err) != problem.Unreachable {
		t.Errorf("no server: %v", err)
	}
}
