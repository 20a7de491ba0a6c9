package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/server/datadir"
)

// Manager that runs.
type Manager struct {
	cfg   Config
	lock  *os.File
	plane *plane
	front *front
	admin admin
	// measured is what the controllers count.
	measured *prometheus.Registry

	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// Start brings everything up, and returns when the port is open and the API ready. The manager runs until Stop; ctx
// bounds only the start.
func Start(ctx context.Context, cfg Config) (*Manager, error) {
	m := &Manager{cfg: cfg, failed: make(chan error, 3), measured: prometheus.NewRegistry()}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func (m *Manager) start(ctx context.Context) error {
	if err := m.takeDataDir(); err != nil {
		return err
	}
	var err error
	if m.plane, err = startPlane(ctx, m.cfg); err != nil {
		return err
	}
	if m.front, err = newFront(ctx, m.cfg, m.plane, prometheus.Gatherers{metrics.Registry, m.measured}); err != nil {
		return err
	}
	if m.plane.embedded != nil {
		if m.admin, err = newAdmin(ctx, m.cfg, m.plane.api, m.front); err != nil {
			return fmt.Errorf("the administrator: %w", err)
		}
	}
	return m.run()
}

// takeDataDir makes sure that no other manager works in the same directory.
func (m *Manager) takeDataDir() error {
	if m.cfg.existing() {
		return nil
	}
	if err := datadir.Check(m.cfg.DataDir); err != nil {
		return err
	}
	if err := durable.MkdirAll(m.cfg.DataDir, 0o700); err != nil {
		return err
	}
	var err error
	m.lock, err = durable.Lock(m.cfg.DataDir)
	if errors.Is(err, durable.ErrLocked) {
		return &problem.Error{
			Kind: problem.Refused, Op: "start in", Subject: m.cfg.DataDir, Err: err,
			Why: "another holdfast-server runs there", Next: "stop it first, or give another --data-dir",
		}
	}
	return err
}

// run starts what goes on until the end.
func (m *Manager) run() error {
	controllers, err := newControllers(m.cfg, m.plane, m.measured)
	if err != nil {
		return fmt.Errorf("the controllers: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	m.background(func() error { return m.front.serve() })
	m.background(func() error { return controllers.Start(ctx) })
	if m.plane.embedded == nil {
		return nil
	}
	m.background(func() error { m.keepAdmin(ctx); return nil })
	if m.cfg.Backup == nil {
		m.cfg.Logger.Warn("this manager is not backed up: whoever loses its data directory loses it. Give --backup-repo")
		return nil
	}
	b, err := newBackups(m.cfg, m.front.ca.Hash(), m.measured)
	if err != nil {
		return err
	}
	m.background(func() error { b.run(ctx); return nil })
	return nil
}

func (m *Manager) background(do func() error) {
	m.running.Go(func() {
		if err := do(); err != nil {
			select {
			case m.failed <- err:
			default: // one is enough to end
			}
		}
	})
}

// Wait returns when ctx ends, or with the reason when a part has ended by itself.
func (m *Manager) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.failed:
		return err
	case <-m.plane.done():
		return errors.New("the embedded API server has ended by itself")
	}
}

// Stop ends everything: the port first, so that nobody is answered by half a manager, and the API last.
func (m *Manager) Stop() error {
	var failed []error
	if m.front != nil {
		failed = append(failed, m.front.stop())
	}
	if m.cancel != nil {
		m.cancel()
	}
	m.running.Wait()
	if m.plane != nil {
		failed = append(failed, m.plane.stop())
	}
	if m.lock != nil {
		failed = append(failed, m.lock.Close())
	}
	return errors.Join(failed...)
}

// Address of the port, as host and port on loopback.
func (m *Manager) Address() string { return "127.0.0.1:" + m.front.port() }
