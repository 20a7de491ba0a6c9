package enroll

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxRequest bounds what is read of a request. A certificate request has less than 1 KiB.
const maxRequest = 16 << 10

// requestTimeout bounds the work on one request.
const requestTimeout = 30 * time.Second

// ServerConfig of the manager's side.
type ServerConfig struct {
	// Client with all the manager's rights. It must read without a cache: what was just written decides.
	Client client.Client
	// Authority signs identities.
	Authority *Authority
	// Now is the clock.
	Now func() time.Time
	// Logger gets who joined and who was refused, never a token.
	Logger *slog.Logger
}

// Server answers machines that join, renew their certificate or need a token for the API. Several may run at a time:
// everything that it knows is in the API, and each decision is made by one write that only one of them can win.
type Server struct {
	client client.Client
	ca     *Authority
	now    func() time.Time
	log    *slog.Logger
}

// NewServer returns the manager's side.
func NewServer(cfg ServerConfig) *Server {
	return &Server{client: cfg.Client, ca: cfg.Authority, now: cfg.Now, log: cfg.Logger}
}

// Handler of PathEnroll, PathRenew and PathToken.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathEnroll, answer(s, s.enroll))
	mux.HandleFunc("POST "+PathRenew, answer(s, s.renew))
	mux.HandleFunc("POST "+PathToken, answer(s, s.token))
	return mux
}

// refusal is an answer that is no success, in words for the other side.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, reason: fmt.Sprintf(format, args...)}
}

// answer turns a function into a handler. What went wrong inside the manager is logged, and not told to whoever asked.
func answer[T any](s *Server, do func(ctx context.Context, r *http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		// A sender that trickles must not hold on. Not every connection can have a deadline; then the context is it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
		body, err := do(ctx, r)
		if err == nil {
			write(w, http.StatusOK, body)
			return
		}
		var refused *refusal
		if !errors.As(err, &refused) {
			s.log.Error("a machine's request was not answered", "path", r.URL.Path, "from", r.RemoteAddr, "error", err)
			refused = &refusal{http.StatusInternalServerError, "the manager could not do it: its log says why; try again"}
		} else {
			s.log.Warn("a machine was refused", "path", r.URL.Path, "from", r.RemoteAddr, "reason", refused.reason)
		}
		write(w, refused.status, Refusal{Reason: refused.reason})
	}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Whoever has gone away asks again.
	_ = json.NewEncoder(w).Encode(body)
}

func read(r *http.Request, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "the request did not arrive whole")
	}
	if len(data) > maxRequest || json.Unmarshal(data, into) != nil {
		return refuse(http.StatusBadRequest, "the request is not what %s takes: is the agent newer than the manager?", r.URL.Path)
	}
	return nil
}

// presented returns the client certificate of a request.
func presented(r *http.Request) (*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, refuse(http.StatusUnauthorized, "no client certificate came along: the machine has to join first")
	}
	return r.TLS.PeerCertificates[0], nil
}
