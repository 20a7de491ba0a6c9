package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// localRun carries out a plan that no manager made, in front of whoever asked for it.
type localRun struct {
	agent  *Agent
	runner *step.Runner
	plan   v1alpha1.MachinePlanSpec
	// last are the results by now.
	last []v1alpha1.PlanResult
}

func (a *Agent) localRun(plan v1alpha1.MachinePlanSpec, w io.Writer) *localRun {
	l := &localRun{agent: a, plan: plan}
	l.runner = step.NewRunner(step.RunnerConfig{
		Journal: a.journal, Make: a.makeStep, Redact: a.redact, Now: a.cfg.Now, Log: a.cfg.Log, Report: telling(w, &l.last),
	})
	return l
}

// forward does the steps, and returns the first that is not done.
func (l *localRun) forward(ctx context.Context) (*v1alpha1.PlanResult, error) {
	if err := l.runner.Run(ctx, l.plan); err != nil {
		return nil, err
	}
	return failed(l.last), nil
}

// back takes everything back, and returns why: a step that failed, or nil for an earlier attempt.
func (l *localRun) back(ctx context.Context, op string, bad *v1alpha1.PlanResult) error {
	why := &problem.Error{Kind: problem.Failed, Op: op, Why: "an earlier attempt had to be taken back first", Next: "run it again"}
	if bad != nil {
		cause := *bad // the results are replaced meanwhile
		why.Subject, why.Why, why.Next = cause.ID, cause.Message, "the old state is back: mend the cause and run it again"
	}
	l.plan.Undo = true
	if err := l.runner.Run(ctx, l.plan); err != nil {
		return err
	}
	for _, res := range l.last {
		if res.Outcome == v1alpha1.StepFailed && res.ID != why.Subject {
			return &problem.Error{Kind: problem.Failed, Op: "undo", Subject: res.ID, Why: res.Message, Next: "mend the cause and run holdfast-agent undo", Err: why}
		}
	}
	return why
}

// done is the result of a step of a kind that is done, or nil.
func (l *localRun) done(kind step.Kind) *v1alpha1.PlanResult {
	for i, res := range l.last {
		if res.ID == string(kind) && res.Outcome == v1alpha1.StepDone {
			return &l.last[i]
		}
	}
	return nil
}

// admitted is the member that the cluster has made room for.
func (l *localRun) admitted() (*step.AdmitEvidence, error) {
	var e step.AdmitEvidence
	res := l.done(step.AdmitMember)
	if res == nil || res.Evidence == nil {
		return nil, errors.New("rejoin: no step says which member was admitted")
	}
	if err := json.Unmarshal(res.Evidence.Raw, &e); err != nil {
		return nil, fmt.Errorf("rejoin: read which member was admitted: %w", err)
	}
	return &e, nil
}

// openInstalled opens what the steps need, and finds the etcd on this machine.
func openInstalled(ctx context.Context, cfg Config, op string) (*Agent, *distro.Installation, error) {
	a, err := open(cfg)
	if err != nil {
		return nil, nil, err
	}
	o, _ := a.standing.get()
	d := a.driver(o)
	if d == nil {
		return nil, nil, fmt.Errorf("%s: %w: nobody has said what runs here: see local.distro in agent.yaml", op, distro.ErrNotInstalled)
	}
	inst, err := d.Discover(ctx)
	return a, inst, err
}
