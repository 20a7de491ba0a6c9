package session

import (
	"context"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// life of a session. Whoever sits down at a night shift signs in once.
const life = 12 * time.Hour

// cookieName begins with __Host-, so that browsers take it only over TLS, for all of this host and for no other.
const cookieName = "__Host-holdfast"

// Config of sessions.
type Config struct {
	// Key that cookies are sealed with: 32 bytes which every replica has, and which survive a restart.
	Key []byte
	// Who says whom a token speaks for, or returns the API's own error.
	Who func(ctx context.Context, token string) (authenticationv1.UserInfo, error)
	// Now is the time.
	Now func() time.Time
}

// Sessions turn cookies into tokens. It may be used concurrently.
type Sessions struct {
	seal *seal
	who  func(ctx context.Context, token string) (authenticationv1.UserInfo, error)
	now  func() time.Time
}

// New returns an error when the key has another length than 32 bytes.
func New(cfg Config) (*Sessions, error) {
	s, err := newSeal(cfg.Key)
	if err != nil {
		return nil, err
	}
	return &Sessions{seal: s, who: cfg.Who, now: cfg.Now}, nil
}

// Authenticate gives a request that carries a session its token, as if the page had sent it itself. Whoever sends a token of
// his own goes by that. The cookie ends here.
func (s *Sessions) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, has := s.token(r)
		if !has || r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, withoutCookies(r))
			return
		}
		if !samePage(r) {
			http.Error(w, "a session is for requests of the manager's own page: send a token", http.StatusForbidden)
			return
		}
		r = withoutCookies(r)
		r.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(w, r)
	})
}

// samePage tells whether a page of this very origin sent the request. Every browser that the page runs in says so; SameSite
// alone would let other ports and subdomains of the same site through.
func samePage(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Site") == "same-origin" }

func withoutCookies(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	return r
}

// token of the request's session, if it has one that is good and not yet over.
func (s *Sessions) token(r *http.Request) (token string, has bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return "", false
	}
	content, err := s.seal.open(cookie.Value)
	if err != nil || !s.now().Before(content.Expires) {
		return "", false
	}
	return content.Token, true
}
