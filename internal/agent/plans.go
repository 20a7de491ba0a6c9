package agent

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// plans carries out one plan after the other. A newer one waits until the running one has come as far as it can, unless
// it takes the running one back.
type plans struct {
	*Agent
	runner *step.Runner

	mu     sync.Mutex
	newest *v1alpha1.MachinePlanSpec
	woken  *bell
	// answer is what the manager is to be told.
	answer v1alpha1.MachinePlanStatus
}

func newPlans(a *Agent) *plans {
	p := &plans{Agent: a, woken: newBell()}
	p.runner = step.NewRunner(step.RunnerConfig{
		Journal: a.journal, Make: a.makeStep, Report: p.report, Redact: a.redact, Now: a.cfg.Now, Log: a.cfg.Log,
	})
	return p
}

func (p *plans) report(serial int64, results []v1alpha1.PlanResult) {
	p.mu.Lock()
	p.answer = v1alpha1.MachinePlanStatus{Serial: serial, Results: slices.Clone(results)}
	p.mu.Unlock()
	if p.link != nil {
		p.link.answered.ring()
	}
}

// answered is what is to be told at present.
func (p *plans) answered() v1alpha1.MachinePlanStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer
}

// take puts a plan before the runner.
func (p *plans) take(plan v1alpha1.MachinePlanSpec) {
	p.mu.Lock()
	p.newest = &plan
	p.mu.Unlock()
	p.woken.ring()
}

func (p *plans) next() (*v1alpha1.MachinePlanSpec, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest, p.woken.wait()
}

const restoreKind = "EtcdSnapshotRestore"

// errSuperseded ends a run whose plan was taken back.
var errSuperseded = errors.New("a newer plan takes this one back")

// run goes on with what was under way, then with each plan that comes.
func (p *plans) run(ctx context.Context) error {
	last, err := p.journal.Plan()
	if err != nil {
		return err // the journal can't be read: whatever is done without it may be done twice
	}
	p.sweep(ctx)
	if last.Operation != nil {
		p.carryOut(ctx, last)
	} else if last.Serial > 0 {
		p.report(last.Serial, nil)
	}
	for done := last; ctx.Err() == nil; {
		plan, woken := p.next()
		if plan == nil || plan.Serial == done.Serial && sameOperation(*plan, done) {
			select {
			case <-woken:
			case <-ctx.Done():
			}
			continue
		}
		done = *plan
		p.carryOut(ctx, done)
		p.sweep(ctx)
		p.stirred.ring()
	}
	return nil
}

// sweep removes what was fetched for operations that the plan in force has no use for. Another process of this machine may
// have put one of its own in force.
func (p *plans) sweep(ctx context.Context) {
	release, err := p.journal.Acquire(ctx)
	if err != nil {
		return // ctx has ended, or the next plan finds the same
	}
	defer release()
	plan, err := p.journal.Plan()
	if err == nil {
		err = restoring.Sweep(p.cfg.StateDir, p.cfg.secretDir(), plan, p.cfg.Now())
	}
	if err != nil {
		p.cfg.Log.Warn("what former operations fetched is left", "error", err)
	}
}

// carryOut runs a plan until it ends, or until a newer one takes it back.
func (p *plans) carryOut(ctx context.Context, plan v1alpha1.MachinePlanSpec) {
	var again pause
	for {
		err := p.attempt(ctx, plan)
		switch {
		case err == nil, errors.Is(err, errSuperseded), ctx.Err() != nil:
			return
		case errors.Is(err, step.ErrStale):
			p.cfg.Log.Warn("a plan is ignored", "error", err)
			p.resume(ctx)
			return
		case errors.Is(err, step.ErrUnfinished), errors.Is(err, step.ErrPlan):
			p.cfg.Log.Error("a plan is refused", "error", err)
			return
		}
		p.cfg.Log.Error("a plan could not be carried out, trying again", "error", err)
		if !sleep(ctx, again.after()) || p.superseded(plan) {
			return
		}
	}
}

// resume tells the manager again what this machine goes by.
func (p *plans) resume(ctx context.Context) {
	last, err := p.journal.Plan()
	if err == nil && last.Operation == nil {
		p.report(last.Serial, nil)
		return
	}
	if err == nil {
		err = p.attempt(ctx, last)
	}
	if err != nil && ctx.Err() == nil {
		p.cfg.Log.Error("the plan in force could not be resumed", "error", err)
	}
}

func (p *plans) attempt(ctx context.Context, plan v1alpha1.MachinePlanSpec) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if plan.Operation != nil && plan.Operation.Kind == restoreKind {
		p.urgent.ring()
	}
	ended := make(chan error, 1)
	go func() { ended <- p.runner.Run(ctx, plan) }()
	for {
		_, woken := p.next()
		if p.superseded(plan) {
			cancel(errSuperseded)
		}
		select {
		case err := <-ended:
			return err
		case <-woken:
		case <-ctx.Done():
			return <-ended
		}
	}
}

// superseded says whether a newer plan makes it pointless, or wrong, to go on with this one.
func (p *plans) superseded(plan v1alpha1.MachinePlanSpec) bool {
	newer, _ := p.next()
	if newer == nil || newer.Serial <= plan.Serial {
		return false
	}
	return !sameOperation(*newer, plan) || newer.Undo != plan.Undo
}

func sameOperation(a, b v1alpha1.MachinePlanSpec) bool {
	if a.Operation == nil || b.Operation == nil {
		return a.Operation == b.Operation
	}
	return a.Operation.UID == b.Operation.UID
}

// busy says whether an operation has changed this machine and is not over.
func (a *Agent) busy() (bool, error) {
	plan, err := a.journal.Plan()
	if err != nil || plan.Operation == nil {
		return false, err
	}
	records, err := a.journal.Records(plan.Operation.UID)
	return step.Unfinished(records), err
}
