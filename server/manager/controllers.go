package manager

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	ctrl "sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/holdfast-dev/holdfast/internal/controller"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// controllersTimeout is how long reconcilers have to end.
const controllersTimeout = 5 * time.Second

// newControllers wires the controllers. With an existing cluster several managers may run, and one of them leads.
func newControllers(cfg Config, p *plane, measure prometheus.Registerer) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	timeout, skip := controllersTimeout, true
	m, err := ctrl.New(p.api, ctrl.Options{
		Scheme: scheme,
		// Who wrote which field when is of no use here, and half of what a fleet's objects weigh in memory.
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Logger: logr.FromSlogHandler(warnings{cfg.Logger.Handler()}),
		// Their names are unique in a manager; the library means in a process, and tests have several managers in one.
		Controller: config.Controller{SkipNameValidation: &skip},
		// Its metrics are served at the manager's own port.
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        "0",
		GracefulShutdownTimeout:       &timeout,
		LeaderElection:                cfg.existing(),
		LeaderElectionID:              "holdfast-server",
		LeaderElectionNamespace:       enroll.SystemNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, err
	}
	return m, controller.Add(m, controller.Config{Now: cfg.Now, Log: cfg.Logger, Metrics: measure, Home: string(p.home)})
}

// warnings are all that is kept of what the library says, unless somebody debugs: which source it starts with how many
// workers is of no use to an operator.
type warnings struct{ slog.Handler }

// Enabled is part of slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level) || w.Handler.Enabled(ctx, slog.LevelDebug)
}

// WithAttrs is part of slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
