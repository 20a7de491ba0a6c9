package enroll

import (
	"context"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// RESTConfig is how this machine reaches the Kubernetes API: through the manager's port, with tokens that are fetched
// when they are needed and again before they end. Requests that aren't watches must have a deadline of their caller's.
func (c *Client) RESTConfig() *rest.Config {
	tokens := &tokenSource{fetch: c.token, now: c.now}
	return &rest.Config{
		Host:            c.membership.Server + PathAPI,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca},
		UserAgent:       "holdfast-agent",
		WrapTransport: func(next http.RoundTripper) http.RoundTripper {
			return &tokenTransport{tokens: tokens, next: next}
		},
	}
}

// tokenSource keeps the token in force.
type tokenSource struct {
	fetch func(context.Context) (Token, error)
	now   func() time.Time

	mu      sync.Mutex
	current Token
	renewAt time.Time
}

// get returns a token that has a while to go. If the manager doesn't give out a new one, the old one is used to its end.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Before(s.renewAt) {
		return s.current.Token, nil
	}
	fresh, err := s.fetch(ctx)
	if err != nil {
		if now.Before(s.current.Expires) {
			return s.current.Token, nil
		}
		return "", err
	}
	s.current, s.renewAt = fresh, now.Add(fresh.Expires.Sub(now)*4/5)
	return fresh.Token, nil
}

// drop forgets a token that was refused.
func (s *tokenSource) drop(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Token == token {
		s.current, s.renewAt = Token{}, time.Time{}
	}
}

// tokenTransport adds the token to each request.
type tokenTransport struct {
	tokens *tokenSource
	next   http.RoundTripper
}

// RoundTrip sends a request whose token was refused a second time, with a new one: the manager may have been brought
// back from a backup, or the ServiceAccount made anew.
func (t *tokenTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, token, err := t.send(request)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	t.tokens.drop(token)
	again := request
	if request.Body != nil {
		if request.GetBody == nil {
			return response, nil
		}
		body, err := request.GetBody()
		if err != nil {
			return response, nil
		}
		again = request.Clone(request.Context())
		again.Body = body
	}
	response.Body.Close()
	response, _, err = t.send(again)
	return response, err
}

func (t *tokenTransport) send(request *http.Request) (*http.Response, string, error) {
	token, err := t.tokens.get(request.Context())
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, "", err
	}
	signed := request.Clone(request.Context())
	signed.Header.Set("Authorization", "Bearer "+token)
	response, err := t.next.RoundTrip(signed)
	return response, token, err
}

// WrappedRoundTripper lets client-go find the connections below.
func (t *tokenTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
