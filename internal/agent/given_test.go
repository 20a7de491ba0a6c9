package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// vault is an API server that has one Secret, which may be read only after some attempts.
func vault(t *testing.T, refusals int32, data map[string][]byte) *given {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "sealed"}, Data: data,
		}
		code := http.StatusOK
		switch {
		case r.URL.Path != "/api/v1/namespaces/prod/secrets/sealed":
			status := apierrors.NewNotFound(corev1.Resource("secrets"), r.URL.Path).Status()
			answer, code = &status, http.StatusNotFound
		case asked.Add(1) <= refusals:
			status := apierrors.NewForbidden(corev1.Resource("secrets"), "sealed", nil).Status()
			answer, code = &status, http.StatusForbidden
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return newGiven(&link{api: apiAt(t, server, corev1.AddToScheme), key: types.NamespacedName{Namespace: "prod", Name: "m1"}})
}

func TestTheSecretOfAnOperationIsReadOnceItMayBe(t *testing.T) {
	g := vault(t, 1, map[string][]byte{"token": []byte("hunter2\n"), "ageIdentity": []byte("AGE-SECRET-KEY-1X")})
	got, err := g.Given(t.Context(), v1alpha1.PlanOperation{SecretName: "sealed"})
	if err != nil || got.Token != "hunter2" || got.AgeIdentity != "AGE-SECRET-KEY-1X" {
		t.Fatalf("%d and %d letters, %v", len(got.Token), len(got.AgeIdentity), err)
	}
	if said := g.redact("token hunter2, AGE-SECRET-KEY-1X"); said != "token ***, ***" {
		t.Errorf("told: %s", said)
	}
	if said := (*given)(nil).redact("as it is"); said != "as it is" {
		t.Errorf("without a manager: %s", said)
	}
}

func TestASecretThatIsNotThereIsNotWaitedFor(t *testing.T) {
	if _, err := vault(t, 0, nil).Given(t.Context(), v1alpha1.PlanOperation{SecretName: "other"}); !apierrors.IsNotFound(err) {
		t.Error(err)
	}
	_, err := vault(t, 0, map[string][]byte{"password": []byte("x")}).Given(t.Context(), v1alpha1.PlanOperation{SecretName: "sealed"})
	if err == nil || !strings.Contains(err.Error(), "neither token nor ageIdentity") {
		t.Error(err)
	}
}

func TestTheKeysOfATargetAreReadAndNeverTold(t *testing.T) {
	g := vault(t, 1, map[string][]byte{"accessKey": []byte("AKIA"), "secretKey": []byte("hunter2hunter2")})
	got, err := g.Keys(t.Context(), v1alpha1.PlanOperation{SecretName: "sealed"})
	if err != nil || !got.Equal(keys("AKIA", "hunter2hunter2", "")) {
		t.Fatal(err)
	}
	if said := g.redact("signed with hunter2hunter2"); said != "signed with ***" {
		t.Errorf("told: %s", said)
	}
	if _, err := vault(t, 0, map[string][]byte{"token": []byte("x")}).Keys(t.Context(), v1alpha1.PlanOperation{SecretName: "sealed"}); err == nil || !strings.Contains(err.Error(), "accessKey") {
		t.Error(err)
	}
}
