package enroll

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// tokens hands out "token-1", "token-2" and so on, each for an hour.
type tokens struct {
	clock *clock
	given int
	away  bool
}

func (s *tokens) fetch(context.Context) (Token, error) {
	if s.away {
		return Token{}, errors.New("the manager is away")
	}
	s.given++
	return Token{Token: "token-" + string(rune('0'+s.given)), Expires: s.clock.at.Add(time.Hour)}, nil
}

func TestATokenIsFetchedBeforeTheLastOneEnds(t *testing.T) {
	c := &clock{at: time.Unix(1e9, 0)}
	from := &tokens{clock: c}
	source := &tokenSource{fetch: from.fetch, now: c.now}
	for _, test := range []struct {
		pass time.Duration
		away bool
		want string
	}{
		{0, false, "token-1"}, {47 * time.Minute, false, "token-1"}, {2 * time.Minute, true, "token-1"},
		{time.Minute, false, "token-2"}, {59 * time.Minute, true, "token-2"}, {2 * time.Minute, true, ""}, {0, false, "token-3"},
	} {
		c.at, from.away = c.at.Add(test.pass), test.away
		got, err := source.get(t.Context())
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("at %v: %q, %v; want %q", c.at, got, err, test.want)
		}
	}
}

func TestARequestIsSentAgainWithANewTokenWhenTheFirstWasRefused(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Header.Get("Authorization")+" "+string(body))
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	c := &clock{at: time.Unix(1e9, 0)}
	client := &http.Client{Transport: &tokenTransport{
		tokens: &tokenSource{fetch: (&tokens{clock: c}).fetch, now: c.now}, next: http.DefaultTransport,
	}}
	response, err := client.Post(server.URL, "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := strings.Join(seen, ", "); got != "Bearer token-1 hello, Bearer token-2 hello" || response.StatusCode != http.StatusOK {
		t.Errorf("%s; the last answer is %s", got, response.Status)
	}
}
