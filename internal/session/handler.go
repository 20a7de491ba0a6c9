package session

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Path of the session: POST a SignIn to begin it, GET the User it is for, DELETE it to end it.
const Path = "/v1/session"

// limits of a token: a browser keeps cookies of up to 4,096 bytes, and sealing makes a third more of it.
const (
	maxToken = 2900
	maxBody  = 8 << 10
)

// askTimeout bounds the question to the API.
const askTimeout = 10 * time.Second

// SignIn is what a person gives.
type SignIn struct {
	Token string `json:"token"`
}

// User is whom a session speaks for.
type User struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups,omitempty"`
}

// Handler serves Path.
func (s *Sessions) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, s.begin)
	mux.HandleFunc("GET "+Path, s.show)
	mux.HandleFunc("DELETE "+Path, s.end)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		// Nobody else's page may sign a person in (as somebody of its choice), or out.
		if !samePage(r) {
			http.Error(w, "sessions are for the manager's own page", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Sessions) begin(w http.ResponseWriter, r *http.Request) {
	var in SignIn
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		http.Error(w, `send {"token": "…"}`, http.StatusBadRequest)
		return
	}
	in.Token = strings.TrimSpace(in.Token)
	if len(in.Token) > maxToken {
		http.Error(w, "the token is too long for a browser's cookie", http.StatusRequestEntityTooLarge)
		return
	}
	user, ok := s.ask(w, r, in.Token)
	if !ok {
		return
	}
	value, err := s.seal.close(content{Token: in.Token, Expires: s.now().Add(life)})
	if err != nil {
		http.Error(w, "the session can't be sealed", http.StatusInternalServerError)
		return
	}
	http.SetCookie(w, cookie(value, int(life.Seconds())))
	answer(w, user)
}

func (s *Sessions) show(w http.ResponseWriter, r *http.Request) {
	token, has := s.token(r)
	if !has {
		http.Error(w, "nobody is signed in", http.StatusUnauthorized)
		return
	}
	if user, ok := s.ask(w, r, token); ok {
		answer(w, user)
	}
}

func (s *Sessions) end(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, cookie("", -1))
	w.WriteHeader(http.StatusNoContent)
}

// ask finds out whom the token speaks for, and answers the request itself when that is nobody.
func (s *Sessions) ask(w http.ResponseWriter, r *http.Request, token string) (user User, ok bool) {
	if token == "" {
		http.Error(w, "give a token", http.StatusUnauthorized)
		return user, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	who, err := s.who(ctx, token)
	switch known := apierrors.APIStatus(nil); {
	case err == nil && !anonymous(who):
		return User{Name: who.Username, Groups: who.Groups}, true
	case err == nil, apierrors.IsUnauthorized(err):
		http.Error(w, "the token is not good, or not any more", http.StatusUnauthorized)
	case errors.As(err, &known) && known.Status().Code == http.StatusForbidden:
		http.Error(w, "the token may not ask whom it speaks for", http.StatusForbidden)
	default:
		http.Error(w, "the Kubernetes API does not answer", http.StatusBadGateway)
	}
	return user, false
}

// anonymous tells whether the API let the request through without knowing the token.
func anonymous(who authenticationv1.UserInfo) bool {
	return who.Username == "" || who.Username == "system:anonymous"
}

func cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

func answer(w http.ResponseWriter, user User) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(user)
}
