package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/distro/authority"
	"github.com/holdfast-dev/holdfast/test/distro/child"
	"github.com/holdfast-dev/holdfast/test/distro/etcd"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/record"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// ShutdownError ends the program with code 0, in the newest releases with an error line.
type ShutdownError struct{ Reason string }

func (e *ShutdownError) Error() string { return fmt.Sprintf("Shutdown request received: %q", e.Reason) }

// Server is one server while it runs.
type Server struct {
	cfg      Config
	password string
	tls      authority.Tree
	member   etcd.Member
	runner   child.Runner
	// parts are etcd and kube-apiserver, in the order of their start.
	parts []child.Process
	etcd  *clientv3.Client
	// removed is set when etcd says that it was removed from its cluster.
	removed atomic.Bool
	// clients is closed over once kube-apiserver is ready.
	clients   *kube.Clients
	ready     chan struct{}
	snapshots *snapshot.Manager
	keeper    *record.Keeper
	// ended gets what ends the server.
	ended chan error
}

// Run runs a server until ctx ends, or a reset until it is done. Nil and a ShutdownError end the program with code 0.
func Run(ctx context.Context, cfg Config) error {
	s := newServer(cfg)
	defer s.leave()
	if cfg.ClusterReset {
		return s.reset(ctx)
	}
	if cfg.RestorePath != "" {
		return errors.New("invalid flag use; --cluster-reset required with --cluster-reset-restore-path")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.cfg.Log.Infof("%s is up and running", s.cfg.Flavor.Name)
	daemon.SdNotify(false, daemon.SdNotifyReady) // without systemd nobody listens
	go s.control(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.ended:
		return err
	}
}

func newServer(cfg Config) *Server {
	s := &Server{cfg: cfg, ready: make(chan struct{}), ended: make(chan error, 1)}
	s.tls = authority.Tree{Dir: cfg.in("tls"), Distro: cfg.Flavor.Name, Hosts: append([]string{cfg.NodeName, cfg.NodeIP}, cfg.SANs...)}
	s.runner = s.newRunner()
	s.member = etcd.Member{
		Dir: cfg.in("db/etcd"), Certs: cfg.in("tls/etcd"), NodeName: cfg.NodeName, NodeIP: cfg.NodeIP, Tools: cfg.Profile.Tools,
		Minor: cfg.etcdMinor(), Args: cfg.EtcdArgs, ExposeMetrics: cfg.ExposeMetrics, Runner: s.runner,
	}
	return s
}

// start brings up everything in the order of the real one: the front answers long before etcd has a leader.
func (s *Server) start(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return fmt.Errorf("starting kubernetes: preparing server: %w", err)
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	if err := s.startDatastore(ctx); err != nil {
		return fmt.Errorf("starting kubernetes: failed to start cluster: start managed database: %w", err)
	}
	if err := s.adopt(ctx); err != nil {
		return fmt.Errorf("starting kubernetes: preparing server: failed to bootstrap cluster data: %w", err)
	}
	if err := s.startAPIServer(ctx); err != nil {
		return err
	}
	if s.cfg.DisableAPIServer {
		// Those that have one may join later, through this server.
		go func() {
			if err := s.connect(ctx); err != nil && ctx.Err() == nil {
				s.end(err)
			}
		}()
		return nil
	}
	return s.connect(ctx)
}

// end ends the server with an error, the first one that comes.
func (s *Server) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// leave stops what must not outlive the server, last first.
func (s *Server) leave() {
	if s.etcd != nil {
		s.etcd.Close()
	}
	for i := len(s.parts) - 1; i >= 0; i-- {
		if err := s.parts[i].Leave(); err != nil {
			s.cfg.Log.Errorf("stop: %v", err)
		}
	}
}

// watch ends the server when a part of it ends.
func (s *Server) watch(ctx context.Context, name string, p child.Process) {
	s.parts = append(s.parts, p)
	go func() {
		select {
		case <-ctx.Done():
		case <-p.Done():
			if ctx.Err() != nil {
				return
			}
			if name == "etcd" && s.removed.Load() {
				return // the real one hangs: only its log says so
			}
			s.end(fmt.Errorf("%s exited", name))
		}
	}()
}

// poll waits until check succeeds, for as long as ctx lives and the server does.
func (s *Server) poll(ctx context.Context, every time.Duration, check func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := check(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-s.ended:
			return err
		case <-tick.C:
		}
	}
}

// await waits for the clients of Kubernetes.
func (s *Server) await(ctx context.Context) (*kube.Clients, error) {
	select {
	case <-s.ready:
		return s.clients, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
