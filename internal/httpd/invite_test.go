package httpd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// invited has a front whose API knows a cluster c in namespace n and lets the token "admin" alone keep Secrets. It returns
// what the API was asked to keep.
func invited(t *testing.T, info enroll.Info) (front string, kept *[]string) {
	t.Helper()
	kept = new([]string)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodPost && r.Header.Get("Authorization") != "Bearer admin":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"secrets is forbidden","code":403}`)
		case r.Method == http.MethodPost && r.URL.Path == "/api/v1/namespaces/n/secrets":
			*kept = append(*kept, string(body))
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"join-x","namespace":"n"}}`)
		case r.URL.Path == "/apis/holdfast.dev/v1alpha1/namespaces/n/clusters/c":
			fmt.Fprint(w, `{"kind":"Cluster","apiVersion":"holdfast.dev/v1alpha1","metadata":{"name":"c","namespace":"n"},"spec":{"distro":"k3s"}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not found","code":404}`)
		}
	}))
	t.Cleanup(api.Close)
	handler, err := New(Config{
		API: &rest.Config{Host: api.URL, BearerToken: "the-managers-own"}, Enroll: http.NotFoundHandler(), Metrics: http.NotFoundHandler(),
		SessionKey: make([]byte, 32), Now: func() time.Time { return time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC) },
		Info: func() enroll.Info { return info },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, kept
}

func invite(t *testing.T, url, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Cache-Control"); token != "" && got != "no-store" {
		t.Errorf("an answer that may hold a token is kept: %q", got)
	}
	return response.StatusCode, string(answer)
}

func TestAJoinLineIsMadeWithTheCallersRightsAndItsSecretIsKeptNowhere(t *testing.T) {
	authority, err := enroll.LoadAuthority(t.Context(), fake.NewClientBuilder().Build(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	front, kept := invited(t, enroll.Info{CA: string(authority.CA()), Pin: "sha256//abc=", Addresses: []string{"10.0.0.1:8443"}})
	at := front + "/v1/namespaces/n/clusters/c/invitations"
	status, answer := invite(t, at, "admin", `{"roles":["etcd","control-plane"],"lifeSeconds":7200}`)
	var line enroll.JoinLine
	if err := json.Unmarshal([]byte(answer), &line); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, answer, err)
	}
	want := "curl -fsSk --pinnedpubkey sha256//abc= https://10.0.0.1:8443/install.sh | HOLDFAST_JOIN_TOKEN=" + line.Token + " sh"
	if line.Command != want || line.Expires.Format(time.RFC3339) != "2026-11-23T04:00:00Z" {
		t.Errorf("the line is %+v", line)
	}
	token, err := enroll.ParseJoinToken(line.Token)
	if err != nil || token.Namespace != "n" {
		t.Errorf("the token is %v: %v", token, err)
	}
	secret := line.Token[strings.LastIndex(line.Token, ":")+1:]
	if len(*kept) != 1 || strings.Contains((*kept)[0], secret) || !strings.Contains((*kept)[0], "etcd,control-plane") {
		t.Errorf("the API keeps %q", *kept)
	}
	for token, want := range map[string]int{"": http.StatusUnauthorized, "viewer": http.StatusForbidden} {
		if status, answer := invite(t, at, token, `{"roles":["etcd"]}`); status != want || strings.Contains(answer, "HOLDFAST_JOIN_TOKEN") {
			t.Errorf("token %q: %d %s", token, status, answer)
		}
	}
	if status, _ := invite(t, front+"/v1/namespaces/n/clusters/nobody/invitations", "admin", `{"roles":["etcd"]}`); status != http.StatusNotFound {
		t.Errorf("a cluster that is not there: %d", status)
	}
	if len(*kept) != 1 {
		t.Errorf("a refused request has kept a token: %q", *kept)
	}
}

func TestAnInvitationThatMakesNoSenseIsRefusedBeforeAnythingIsKept(t *testing.T) {
	front, kept := invited(t, enroll.Info{})
	for body, want := range map[string]string{
		`{}`:                                  "say what the machine does",
		`{"roles":["boss"]}`:                  `\"boss\" is no role`,
		`{"roles":["etcd"],"lifeSeconds":1}`:  "lifeSeconds is 1",
		`{"roles":["etcd"],"lifeSeconds":-9}`: "lifeSeconds is -9",
		`{"roles":["etcd"],"lifeSeconds":9223372036854775807}`: "lifeSeconds is",
		`{"roles":["etcd"],"server":"a;rm -rf /"}`:             "is no address",
		`{"roles":["etcd"]}`:                                   "does not say where machines reach it",
		`{"roles":["etcd"],"more":1}`:                          "unknown field",
		`roles`:                                                "is JSON",
	} {
		status, answer := invite(t, front+"/v1/namespaces/n/clusters/c/invitations", "admin", body)
		if status != http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if len(*kept) > 0 {
		t.Errorf("the API keeps %q", *kept)
	}
}
