package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/internal/agent/peer"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

// Agent is the daemon of one machine.
type Agent struct {
	cfg      Config
	name     string // of the Machine
	standing *standing
	journal  *step.Journal
	// identity is nil without a manager.
	identity   *enroll.Client
	supervisor *supervise.Supervisor // nil where systemd runs etcd
	peers      *peers                // nil without an identity
	server     *peer.Server
	plans      *plans
	link       *link         // nil without a manager
	given      *given        // nil without a manager
	secrets    *localSecrets // of a local operation; nil as a rule
	kubernetes kubernetes
	mirror     mirror
	metrics    *metrics
	live       *comparisons
	schedule   *scheduleState
	// stirred wakes whoever reports when something has happened on this machine.
	stirred *bell
	// urgent rings when a restore wants this machine: a recurring snapshot that is under way gives way.
	urgent *bell
}

// New opens what the agent keeps. Nothing runs before Run.
func New(cfg Config) (*Agent, error) {
	a := &Agent{cfg: cfg, name: cfg.Hostname, stirred: newBell(), urgent: newBell()}
	for _, dir := range []string{cfg.StateDir, cfg.spoolDir()} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the state directory: %w", err)
		}
	}
	var err error
	if a.journal, err = step.Open(cfg.journalDir()); err != nil {
		return nil, err
	}
	if a.standing, err = newStanding(cfg.StateDir); err != nil {
		return nil, err
	}
	if a.schedule, err = newScheduleState(cfg.StateDir); err != nil {
		return nil, err
	}
	a.supervisor = cfg.supervisor()
	a.metrics = newMetrics(prometheus.NewRegistry())
	a.live = newComparisons(a)
	if err := a.connect(); err != nil {
		return nil, err
	}
	a.plans = newPlans(a)
	return a, nil
}

// connect takes the orders from the config file, or makes the link to the manager.
func (a *Agent) connect() error {
	if a.cfg.Local != nil {
		o, err := localOrders(a.cfg.Local)
		if err != nil {
			return err
		}
		return a.standing.set(o)
	}
	var err error
	a.identity, err = enroll.Open(IdentityDir(a.cfg.StateDir), a.cfg.Now)
	if errors.Is(err, enroll.ErrNotJoined) {
		return errNoIdentity
	}
	if err != nil {
		return err
	}
	a.name = a.identity.Membership().Machine
	if a.link, err = newLink(a); err != nil {
		return err
	}
	a.given = newGiven(a.link)
	return a.listen()
}

// listen opens the port for other machines.
func (a *Agent) listen() error {
	address := a.cfg.Peer.Address
	if address == "" {
		address = defaultPeer
	}
	var err error
	a.server, err = peer.Listen(peer.ServerConfig{Address: address, Identity: a.identity, Journal: a.journal, Now: a.cfg.Now, Log: a.cfg.Log})
	if err != nil {
		return err
	}
	a.peers = &peers{
		Client: peer.Client{Identity: a.identity, Now: a.cfg.Now}, port: a.server.Port(), advertise: a.cfg.Peer.Advertise,
	}
	return nil
}

// Run works until ctx ends. An etcd that it supervises goes on after that.
func (a *Agent) Run(ctx context.Context) error {
	if o, _ := a.standing.get(); o.Known {
		// Before anything starts an etcd here: this process may have died between the manager's word and the fence.
		if err := a.obeyEpoch(ctx, o); err != nil {
			a.cfg.Log.Error("old data could not be fenced", "error", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	if a.supervisor != nil {
		group.Go(func() error { return a.supervisor.Run(ctx) })
	}
	group.Go(func() error { return a.plans.run(ctx) })
	group.Go(func() error { return a.keepSchedule(ctx) })
	group.Go(func() error { return a.keepMirror(ctx) })
	group.Go(func() error { return a.live.run(ctx) })
	group.Go(func() error { return a.keepAside(ctx) })
	group.Go(func() error { return a.keepPrograms(ctx) })
	group.Go(func() error { return a.serveMetrics(ctx) })
	if a.link != nil {
		group.Go(func() error { return a.link.run(ctx) })
		group.Go(func() error { return a.server.Serve(ctx) })
	}
	a.cfg.Log.Info("agent started", "version", a.cfg.Version, "machine", a.name, "manager", a.link != nil)
	return group.Wait()
}

func (a *Agent) serveMetrics(ctx context.Context) error {
	address := a.cfg.Metrics
	if address == "" {
		address = defaultMetrics
	}
	if address == "none" {
		return nil
	}
	server := &http.Server{Addr: address, Handler: a.metrics.handler(), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		// Backups are worth more than metrics: a port that is taken must not end the agent.
		a.cfg.Log.Error("metrics are not served", "address", address, "error", err)
	}
	return nil
}

// Hostname of this machine.
func Hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
