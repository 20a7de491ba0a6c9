package session

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// bed is a manager that knows one token.
type bed struct {
	sessions *Sessions
	now      time.Time
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	who := func(_ context.Context, token string) (authenticationv1.UserInfo, error) {
		switch token {
		case "good":
			return authenticationv1.UserInfo{Username: "ada", Groups: []string{"night-shift"}}, nil
		case "away":
			return authenticationv1.UserInfo{}, fmt.Errorf("connection refused")
		case "unknown":
			return authenticationv1.UserInfo{Username: "system:anonymous"}, nil
		}
		return authenticationv1.UserInfo{}, apierrors.NewUnauthorized("no")
	}
	var err error
	b.sessions, err = New(Config{Key: make([]byte, 32), Who: who, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask sends a request as a browser on the manager's own page would.
func ask(h http.Handler, method, body string, cookies []*http.Cookie, header ...string) answered {
	r := httptest.NewRequest(method, Path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answered{w}
}

type answered struct{ *httptest.ResponseRecorder }

func (a answered) cookies() (set []*http.Cookie) {
	for _, line := range a.Header()["Set-Cookie"] {
		if cookie, err := http.ParseSetCookie(line); err == nil {
			set = append(set, cookie)
		}
	}
	return set
}

func (b *bed) signIn(t *testing.T) []*http.Cookie {
	t.Helper()
	answer := ask(b.sessions.Handler(), http.MethodPost, `{"token": " good\n"}`, nil)
	if answer.Code != http.StatusOK {
		t.Fatalf("signing in: %d", answer.Code)
	}
	return answer.cookies()
}

// passed is the credential that gets to the API with a request.
func (b *bed) passed(cookies []*http.Cookie, header ...string) (status int, authorization, cookie string) {
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization, cookie = r.Header.Get("Authorization"), r.Header.Get("Cookie")
	})
	answer := ask(b.sessions.Authenticate(api), http.MethodGet, "", cookies, header...)
	return answer.Code, authorization, cookie
}

func TestASessionIsACookieThatNoScriptCanReadAndThatDoesNotHoldTheTokenInTheClear(t *testing.T) {
	cookies := newBed(t).signIn(t)
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Domain != "" || c.Path != "/" || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("cookie %v", c)
	}
	if strings.Contains(c.Value, "good") {
		t.Errorf("the token stands in %s", c.Value)
	}
}

func TestTheAPIGetsTheTokenOfTheSession(t *testing.T) {
	b := newBed(t)
	cookies := b.signIn(t)
	if _, got, cookie := b.passed(cookies); got != "Bearer good" || cookie != "" {
		t.Errorf("the API got %q and the cookie %q", got, cookie)
	}
	if _, got, _ := b.passed(cookies, "Authorization", "Bearer own"); got != "Bearer own" {
		t.Errorf("a token of one's own was replaced by %q", got)
	}
	if _, got, _ := b.passed(nil); got != "" {
		t.Errorf("without a session the API got %q", got)
	}
}

func TestARequestOfAnotherPageIsRefused(t *testing.T) {
	b := newBed(t)
	cookies := b.signIn(t)
	for _, site := range []string{"cross-site", "same-site", "none", ""} {
		if status, got, _ := b.passed(cookies, "Sec-Fetch-Site", site); status != http.StatusForbidden || got != "" {
			t.Errorf("from %q: %d, and the API got %q", site, status, got)
		}
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			answer := ask(b.sessions.Handler(), method, `{"token": "good"}`, cookies, "Sec-Fetch-Site", site)
			if answer.Code != http.StatusForbidden || len(answer.cookies()) != 0 {
				t.Errorf("%s from %q: %d, %v", method, site, answer.Code, answer.cookies())
			}
		}
	}
}

func TestASessionEnds(t *testing.T) {
	b := newBed(t)
	cookies := b.signIn(t)
	b.now = b.now.Add(life - time.Second)
	if _, got, _ := b.passed(cookies); got == "" {
		t.Error("it ended early")
	}
	b.now = b.now.Add(time.Second)
	if _, got, _ := b.passed(cookies); got != "" {
		t.Error("it outlives its time")
	}
	if answer := ask(b.sessions.Handler(), http.MethodGet, "", cookies); answer.Code != http.StatusUnauthorized {
		t.Errorf("whose it is: %d", answer.Code)
	}
	if answer := ask(b.sessions.Handler(), http.MethodDelete, "", cookies); len(answer.cookies()) != 1 || answer.cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out leaves %v", answer.cookies())
	}
}

func TestACookieThatWasChangedOrSealedElsewhereIsNone(t *testing.T) {
	b := newBed(t)
	cookies := b.signIn(t)
	value := cookies[0].Value
	for i := range value {
		changed := *cookies[0]
		other := byte('A')
		if value[i] == 'A' {
			other = 'Z'
		}
		changed.Value = value[:i] + string(other) + value[i+1:]
		if _, got, _ := b.passed([]*http.Cookie{&changed}); got == "Bearer good" && i < len(value)-1 {
			t.Fatalf("byte %d does not count", i)
		} else if got != "" && got != "Bearer good" {
			t.Fatalf("a changed cookie speaks for %q", got)
		}
	}
	elsewhere, err := New(Config{Key: append(make([]byte, 31), 1), Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	if _, got, _ := (&bed{sessions: elsewhere, now: b.now}).passed(cookies); got != "" {
		t.Errorf("another manager takes it for %q", got)
	}
}

func TestSigningInSaysWhyNot(t *testing.T) {
	b := newBed(t)
	for body, status := range map[string]int{
		`{"token": "bad"}`:     http.StatusUnauthorized,
		`{"token": "unknown"}`: http.StatusUnauthorized,
		`{"token": ""}`:        http.StatusUnauthorized,
		`{"token": "away"}`:    http.StatusBadGateway,
		`token=good`:           http.StatusBadRequest,
		`{"token": "` + strings.Repeat("x", maxToken+1) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		answer := ask(b.sessions.Handler(), http.MethodPost, body, nil)
		if answer.Code != status || len(answer.cookies()) != 0 {
			t.Errorf("%.40s: %d, cookies %v; want %d", body, answer.Code, answer.cookies(), status)
		}
	}
}

func TestTheUserOfASessionIsTold(t *testing.T) {
	b := newBed(t)
	var user User
	if err := json.NewDecoder(ask(b.sessions.Handler(), http.MethodGet, "", b.signIn(t)).Body).Decode(&user); err != nil {
		t.Fatal(err)
	}
	if user.Name != "ada" || len(user.Groups) != 1 {
		t.Errorf("user %+v", user)
	}
}
