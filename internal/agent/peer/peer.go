// Package peer carries a snapshot from one machine to another, when a restore needs the same bytes on all of them. Both
// sides show their agents' certificates: these work on new machines, and when those of the cluster have expired.
//
// A machine serves only what the running operation offers, and only to the machines that the offer names. It never lists
// anything. Start reading at [Server] and [Client.Fetch].
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// Identity is what an agent shows to others, and judges them by. *enroll.Client is one.
type Identity interface {
	Certificate() *tls.Certificate
	Roots() *x509.CertPool
	Membership() enroll.Membership
}

// The paths: an operation's uid follows.
const (
	pathSnapshot = "/v1/snapshot/"
	pathManifest = "/v1/manifest/"
)

// headerSHA256 names the hash of what is served.
const headerSHA256 = "Holdfast-Sha256"

// ServerConfig says what is served where.
type ServerConfig struct {
	// Address to listen on: ":8444".
	Address  string
	Identity Identity
	// Journal knows the running operation and where its offer is noted.
	Journal *step.Journal
	Now     func() time.Time
	Log     *slog.Logger
}

// Server serves the running operation's snapshot.
type Server struct {
	cfg      ServerConfig
	listener net.Listener
}

// Listen opens the port. Nothing is answered before Serve.
func Listen(cfg ServerConfig) (*Server, error) {
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("serve other machines: %w", err)
	}
	return &Server{cfg: cfg, listener: l}, nil
}

// Port that the server listens on.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port } //nolint:forcetypeassert // it is a TCP listener

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathSnapshot+"{uid}", s.snapshot)
	mux.HandleFunc("GET "+pathManifest+"{uid}", s.manifest)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	err := server.Serve(tls.NewListener(s.listener, &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAnyClientCert, // VerifyConnection judges it
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.cfg.Identity.Certificate(), nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := judge(s.cfg.Identity, state, s.cfg.Now())
			return err
		},
	}))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// judge says which machine of the same cluster is at the other end.
func judge(own Identity, state tls.ConnectionState, now time.Time) (string, error) {
	if len(state.PeerCertificates) == 0 {
		return "", errors.New("it shows no certificate")
	}
	other, err := enroll.VerifyPeer(state.PeerCertificates[0], own.Roots(), now, 0)
	if err != nil {
		return "", err
	}
	if other.Namespace != own.Membership().Namespace {
		return "", fmt.Errorf("machine %s is of another cluster", other.Machine)
	}
	return other.Machine, nil
}

// offer is what the caller may fetch; it answers the request when there is nothing.
func (s *Server) offer(w http.ResponseWriter, r *http.Request) *restoring.Offer {
	machine, err := judge(s.cfg.Identity, *r.TLS, s.cfg.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return nil
	}
	uid := r.PathValue("uid")
	plan, err := s.cfg.Journal.Plan()
	if err != nil || plan.Operation == nil || plan.Operation.UID != uid {
		http.Error(w, "no such operation runs on this machine", http.StatusNotFound)
		return nil
	}
	offer, err := restoring.ReadOffer(s.cfg.Journal.Dir(plan.Operation.UID))
	switch {
	case err != nil || offer == nil:
		http.Error(w, "the operation offers nothing here", http.StatusNotFound)
		return nil
	case !slices.Contains(offer.Machines, machine):
		http.Error(w, "the offer is not for machine "+machine, http.StatusForbidden)
		return nil
	}
	return offer
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	offer := s.offer(w, r)
	if offer == nil {
		return
	}
	f, err := os.Open(offer.Path)
	if err != nil {
		http.Error(w, "the snapshot can't be opened", http.StatusGone)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != offer.Size {
		http.Error(w, "the snapshot has changed", http.StatusGone)
		return
	}
	w.Header().Set("ETag", strconv.Quote(offer.SHA256))
	w.Header().Set(headerSHA256, offer.SHA256)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, f)
}

func (s *Server) manifest(w http.ResponseWriter, r *http.Request) {
	offer := s.offer(w, r)
	if offer == nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(offer.Manifest) // who has gone does not want it
}

// URLs of an operation at some addresses.
func URLs(uid string, addresses []string, port int) []string {
	urls := make([]string, len(addresses))
	for i, a := range addresses {
		urls[i] = "https://" + net.JoinHostPort(a, strconv.Itoa(port)) + pathSnapshot + uid
	}
	return urls
}
