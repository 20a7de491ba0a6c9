package httpd

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/download"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/session"
)

// Config of the manager's port.
type Config struct {
	// API says where the Kubernetes API is. Its credential is not used.
	API *rest.Config
	// Embedded is that API where it runs in this process; nil where it does not.
	Embedded http.Handler
	// Enroll answers machines.
	Enroll http.Handler
	// Downloads answers those who may download a snapshot; user is who asks.
	Downloads func(w http.ResponseWriter, r *http.Request, user string)
	// Info says where machines reach the manager, for join lines.
	Info func() enroll.Info
	// Metrics is shown to those who may read the path /metrics of the API.
	Metrics http.Handler
	// Agents is the folder with the agents' program: a file holdfast-agent-OS-ARCH for each kind of machine.
	Agents string
	// SessionKey seals the sessions of browsers: 32 bytes, the same in all replicas.
	SessionKey []byte
	// Now is the time.
	Now func() time.Time
	// Page is what a browser gets; nil or empty when it was not built.
	Page fs.FS
	// Pin of the key that this port is served with, as curl's --pinnedpubkey takes it.
	Pin string
	// Ready says what keeps the manager from working; nil when nothing does.
	Ready func(context.Context) error
}

// New returns the handler of everything.
func New(cfg Config) (http.Handler, error) {
	api, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("the way to the Kubernetes API: %w", err)
	}
	guard, err := newGuard(cfg.API)
	if err != nil {
		return nil, fmt.Errorf("the way to the Kubernetes API: %w", err)
	}
	script, err := newInstallScript(cfg.Pin)
	if err != nil {
		return nil, err
	}
	sessions, err := session.New(session.Config{Key: cfg.SessionKey, Who: guard.who, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	page, err := newPage(cfg.Page)
	if err != nil {
		return nil, fmt.Errorf("the web page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle(session.Path, sessions.Handler())
	mux.Handle(enroll.PathAPI+"/", sessions.Authenticate(api))
	for _, path := range []string{enroll.PathEnroll, enroll.PathRenew, enroll.PathToken} {
		mux.Handle(path, cfg.Enroll)
	}
	mux.Handle("POST "+download.Path, sessions.Authenticate(guard.downloads(cfg.Downloads)))
	mux.Handle("GET "+pathSchedule, sessions.Authenticate(guard.schedules(cfg.Now)))
	mux.Handle("POST "+pathInvite, sessions.Authenticate(guard.asCaller(invitations{info: cfg.Info, now: cfg.Now}.serve)))
	mux.Handle("GET "+pathByHand, sessions.Authenticate(guard.asCaller(serveByHand)))
	mux.Handle("GET "+enroll.PathInstall, script)
	mux.Handle("GET "+enroll.PathAgent+"{file}", agents{cfg.Agents})
	mux.Handle("GET "+pathMetrics, guard.protect(cfg.Metrics))
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", ready(cfg.Ready))
	return secure(mux), nil
}

// newAPI takes the shorter way to the API.
func newAPI(cfg Config) (http.Handler, error) {
	if cfg.Embedded != nil {
		return newDirect(cfg.Embedded), nil
	}
	return newProxy(cfg.API)
}

// secure sets what every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}
