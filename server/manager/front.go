package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/download"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/httpd"
	"github.com/holdfast-dev/holdfast/web"
)

// drain is how long requests may go on after the end was asked for. Watches are ended at once.
const drain = 2 * time.Second

// front is the port that machines and people reach the manager at.
type front struct {
	server   *http.Server
	listener net.Listener
	place    place
	ca       *enroll.Authority
	enroll   *enroll.Server
	download *download.Server
	info     enroll.Info
	// end ends all requests.
	end context.CancelFunc
}

func newFront(ctx context.Context, cfg Config, p *plane, measured prometheus.Gatherer) (*front, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	direct, err := client.New(p.api, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	ca, err := enroll.LoadAuthority(ctx, direct, cfg.Now)
	if err != nil {
		return nil, err
	}
	f := &front{ca: ca}
	f.enroll = enroll.NewServer(enroll.ServerConfig{Client: direct, Authority: ca, Now: cfg.Now, Logger: cfg.Logger})
	f.download = download.NewServer(download.Config{Client: direct, Log: cfg.Logger})
	if err := f.listen(cfg, p, measured); err != nil {
		return nil, err
	}
	f.info = enroll.Info{CA: string(ca.CA()), Addresses: f.place.addresses}
	if f.info.Pin, err = ca.Pin(); err == nil {
		err = f.info.Publish(ctx, direct)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish the manager's address: %w", err), f.listener.Close())
	}
	return f, nil
}

func (f *front) listen(cfg Config, p *plane, measured prometheus.Gatherer) error {
	ready, err := p.ready()
	if err != nil {
		return err
	}
	pin, err := f.ca.Pin()
	if err != nil {
		return err
	}
	sessionKey, err := f.ca.Derive("sessions of browsers")
	if err != nil {
		return err
	}
	handler, err := httpd.New(httpd.Config{
		API: p.api, Embedded: p.handler(), Enroll: f.enroll.Handler(), Agents: cfg.Agents, Pin: pin, Ready: ready,
		Downloads: f.download.Serve, Info: func() enroll.Info { return f.info }, Metrics: promhttp.HandlerFor(measured, promhttp.HandlerOpts{}),
		SessionKey: sessionKey, Now: cfg.Now, Page: web.Files(),
	})
	if err != nil {
		return err
	}
	if f.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return &problem.Error{
			Kind: problem.Refused, Op: "listen on", Subject: cfg.Listen, Err: err,
			Next: "stop what uses the port, or give another --listen",
		}
	}
	f.place = newPlace(cfg.Advertise, f.port())
	base, end := context.WithCancel(context.Background())
	f.end = end
	f.server = &http.Server{
		Handler: handler, TLSConfig: f.ca.ServingTLS(f.place.hosts),
		// There is no limit for whole requests: a watch is one.
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 3 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return nil
}

func (f *front) port() string {
	_, port, _ := net.SplitHostPort(f.listener.Addr().String())
	return port
}

// serve serves until stop.
func (f *front) serve() error {
	if err := f.server.ServeTLS(f.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", f.listener.Addr(), err)
	}
	return nil
}

func (f *front) stop() error {
	f.end()
	defer f.listener.Close() // the server knows it only once it serves
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		return f.server.Close()
	}
	return nil
}
