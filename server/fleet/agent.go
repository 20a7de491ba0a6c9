package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Config of an agent.
type Config struct {
	// Client has the rights of the agent, or more.
	Client client.WithWatch
	// Namespace and Name of the machine, whose objects exist.
	Namespace, Name string
	// Members of its etcd by machine, this one's among them; the first leads.
	Members []string
	// Renew is how often the lease is renewed. Default: 40 seconds.
	Renew time.Duration
	// Watch is how long a watch is kept open. Default: five minutes.
	Watch time.Duration
	// Fail returns why a step fails; nil when it is done.
	Fail func(v1alpha1.PlanStep) error
}

// Agent is one simulated agent.
type Agent struct {
	Config
	mu sync.Mutex
	// done are the results of the operation with this uid.
	uid  string
	done []v1alpha1.PlanResult
	// files that it holds.
	files []v1alpha1.SnapshotFile
	// steps counts the steps that were done, by their id: each must be done once.
	steps map[string]int
	disk  disk
}

// disk is what restores change.
type disk struct {
	running bool
	epoch   int64
	undo    []func(*disk)
}

// New returns an agent that does nothing yet.
func New(cfg Config) *Agent {
	if cfg.Renew == 0 {
		cfg.Renew = 40 * time.Second
	}
	if cfg.Watch == 0 {
		cfg.Watch = 5 * time.Minute
	}
	return &Agent{Config: cfg, steps: map[string]int{}, disk: disk{running: true}}
}

// Steps returns how often each step was done.
func (a *Agent) Steps() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]int{}
	for id, n := range a.steps {
		all[id] = n
	}
	return all
}

// Files that the machine holds.
func (a *Agent) Files() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.files)
}

// Run works until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.renew(ctx); err != nil {
		return err
	}
	if err := a.report(ctx); err != nil {
		return err
	}
	go func() {
		tick := time.NewTicker(a.Renew)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = a.renew(ctx) // the next one may do better: that is what leases are for
			case <-ctx.Done():
				return
			}
		}
	}()
	for ctx.Err() == nil {
		if err := a.follow(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("agent %s/%s: %w", a.Namespace, a.Name, err)
		}
	}
	return nil
}

func (a *Agent) key() client.ObjectKey { return client.ObjectKey{Namespace: a.Namespace, Name: a.Name} }

func (a *Agent) renew(ctx context.Context) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name}}
	patch := fmt.Appendf(nil, `{"spec":{"renewTime":%q}}`, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	return a.Client.Patch(ctx, lease, client.RawPatch("application/merge-patch+json", patch))
}

// follow watches the machine's plan for one watch's life.
func (a *Agent) follow(ctx context.Context) error {
	seconds := int64(a.Watch / time.Second)
	w, err := a.Client.Watch(ctx, new(v1alpha1.MachinePlanList), client.InNamespace(a.Namespace),
		client.MatchingFields{"metadata.name": a.Name}, &client.ListOptions{Raw: &metav1.ListOptions{TimeoutSeconds: &seconds}})
	if err != nil {
		return err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		plan, ok := e.Object.(*v1alpha1.MachinePlan)
		if !ok || e.Type == watch.Deleted {
			return nil
		}
		if plan.Status.Serial >= plan.Spec.Serial && plan.Spec.Serial > 0 {
			continue
		}
		if err := a.obey(ctx, plan.Spec); err != nil {
			return err
		}
	}
	return nil
}

// obey carries a plan out and answers.
func (a *Agent) obey(ctx context.Context, spec v1alpha1.MachinePlanSpec) error {
	a.mu.Lock()
	a.carryOut(spec)
	results, files := append([]v1alpha1.PlanResult(nil), a.done...), append([]v1alpha1.SnapshotFile(nil), a.files...)
	a.mu.Unlock()
	if err := a.inventory(ctx, files); err != nil {
		return err
	}
	if err := a.report(ctx); err != nil {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		plan := new(v1alpha1.MachinePlan)
		if err := a.Client.Get(ctx, a.key(), plan); err != nil {
			return err
		}
		plan.Status = v1alpha1.MachinePlanStatus{Serial: spec.Serial, Results: results}
		return a.Client.Status().Update(ctx, plan)
	})
}
