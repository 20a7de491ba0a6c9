package simulated

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Config of an agent.
type Config struct {
	// Client has the rights of the agent, or more.
	Client client.WithWatch
	// Namespace and Name of the machine, whose objects exist.
	Namespace, Name string
	// Members of its etcd by machine, this one's among them; the first leads.
	Members []string
	// Held is how many older snapshots the machine begins with.
	Held int
	// Renew is how often the lease is renewed. Default: 30 seconds, as real agents do.
	Renew time.Duration
	// Tell is how often numbers are told that change all the time. Default: five minutes, as real agents do.
	Tell time.Duration
	// Watch is how long a watch is kept open at least; at most twice that. Default: five minutes, as real agents do.
	Watch time.Duration
	// Log gets what fails, and is tried again. Default: nobody.
	Log *slog.Logger
	// Fail returns why a step fails; nil when it is done.
	Fail func(v1alpha1.PlanStep) error
}

// Agent is one simulated agent.
type Agent struct {
	Config
	// stirred has the machine's status told.
	stirred chan struct{}

	mu sync.Mutex
	// done are the results of the operation with this uid.
	uid  string
	done []v1alpha1.PlanResult
	// files that it holds.
	files   []v1alpha1.SnapshotFile
	journal journal
	disk    disk
	// generation of the Machine that was seen last, and revision of the database, which grows.
	generation, revision int64
}

// disk is what restores change.
type disk struct {
	running bool
	epoch   int64
	undo    []func(*disk)
}

// New returns an agent that does nothing yet.
func New(cfg Config) *Agent {
	for setting, usual := range map[*time.Duration]time.Duration{
		&cfg.Renew: 30 * time.Second, &cfg.Tell: 5 * time.Minute, &cfg.Watch: 5 * time.Minute,
	} {
		if *setting == 0 {
			*setting = usual
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		Config: cfg, stirred: make(chan struct{}, 1), journal: newJournal(), disk: disk{running: true}, revision: 1000,
	}
	for i := range cfg.Held {
		a.save(step.SaveSettings{Base: "recurring", Trigger: "recurring"}, time.Now().Add(-time.Duration(i+1)*5*time.Hour))
	}
	return a
}

// Files that the machine holds.
func (a *Agent) Files() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.files)
}

// StopEtcd has the machine's etcd stop by itself, as a crash does.
func (a *Agent) StopEtcd() {
	a.mu.Lock()
	a.disk.running = false
	a.mu.Unlock()
	a.stir()
}

// Run works until ctx ends. Whatever fails is tried again.
func (a *Agent) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, work := range []func(context.Context) error{a.renew, a.tell, a.follow} {
		all.Go(func() { a.insist(ctx, work) })
	}
	all.Wait()
}

// insist does something again and again. After a failure it waits as long as a real agent would.
func (a *Agent) insist(ctx context.Context, work func(context.Context) error) {
	failures := 0
	for ctx.Err() == nil {
		err := work(ctx)
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() == nil {
			a.Log.Warn("trying again", "cluster", a.Namespace, "machine", a.Name, "error", err)
		}
		d := min(time.Second<<min(failures, 10), 2*time.Minute)
		failures++
		sleep(ctx, d/2+rand.N(d/2+1))
	}
}

// sleep waits, and says whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *Agent) key() client.ObjectKey { return client.ObjectKey{Namespace: a.Namespace, Name: a.Name} }
