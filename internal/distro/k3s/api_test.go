package k3s

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// configMaps is an API server with one ConfigMap, or none. Each of its first writes is answered by what stands in trouble.
type configMaps struct {
	t       *testing.T
	data    map[string]string
	trouble []*apierrors.StatusError
	writes  int
}

func (c *configMaps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(code int, object any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(object)
	}
	if r.Method == http.MethodGet {
		if c.data == nil {
			answer(http.StatusNotFound, apierrors.NewNotFound(corev1.Resource("configmaps"), "m").Status())
			return
		}
		answer(http.StatusOK, c.object())
		return
	}
	if len(c.trouble) > 0 {
		status := c.trouble[0].Status()
		c.trouble = c.trouble[1:]
		c.data = map[string]string{"other": "machine"} // which was quicker
		answer(int(status.Code), status)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	var got corev1.ConfigMap
	if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, &got); err != nil {
		c.t.Error(err)
	}
	c.data = got.Data
	c.writes++
	answer(http.StatusOK, c.object())
}

func (c *configMaps) object() corev1.ConfigMap {
	return corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "m"}, Data: c.data}
}

// serving returns the way to an API server.
func serving(t *testing.T, handler http.Handler) *apiServer {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":%q}}],"users":[{"name":"a","user":{}}],"contexts":[{"name":"a","context":{"cluster":"a","user":"a"}}],"current-context":"a"}`, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &apiServer{kubeconfig: path}
}

func TestWhatGoesWithSnapshotsIsWrittenBesideWhatOtherMachinesWrite(t *testing.T) {
	resource := corev1.Resource("configmaps")
	for name, test := range map[string]struct {
		data    map[string]string
		trouble []*apierrors.StatusError
		want    map[string]string
		writes  int
	}{
		"nothing is there":                   {nil, nil, map[string]string{"a": "1"}, 1},
		"others' is there":                   {map[string]string{"b": "2"}, nil, map[string]string{"a": "1", "b": "2"}, 1},
		"it is there already":                {map[string]string{"a": "1", "b": "2"}, nil, map[string]string{"a": "1", "b": "2"}, 0},
		"another machine makes it meanwhile": {nil, []*apierrors.StatusError{apierrors.NewAlreadyExists(resource, "m")}, map[string]string{"a": "1", "other": "machine"}, 1},
		"another machine writes meanwhile":   {map[string]string{}, []*apierrors.StatusError{apierrors.NewConflict(resource, "m", nil)}, map[string]string{"a": "1", "other": "machine"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := &configMaps{t: t, data: test.data, trouble: test.trouble}
			if err := serving(t, c).keep(t.Context(), "m", map[string]string{"a": "1"}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, c.data); diff != "" || c.writes != test.writes {
				t.Errorf("%d writes %s", c.writes, diff)
			}
		})
	}
}

func TestAnAPIServerThatIsNotReadyIsSaidToBeSo(t *testing.T) {
	ready := http.StatusOK
	api := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(ready) }))
	if err := api.ready(t.Context()); err != nil {
		t.Error(err)
	}
	ready = http.StatusInternalServerError
	if err := api.ready(t.Context()); err == nil {
		t.Error("one that answers 500 is ready")
	}
	if err := (&apiServer{kubeconfig: filepath.Join(t.TempDir(), "none")}).ready(t.Context()); err == nil {
		t.Error("one that there is no way to is ready")
	}
}
