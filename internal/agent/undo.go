package agent

import (
	"context"
	"io"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Undo takes back what the running operation has done on this machine, with no manager: for when that is lost in the
// middle of a restore. It waits for a step that the daemon is at, until ctx ends.
func Undo(ctx context.Context, cfg Config, w io.Writer) error {
	a, plan, err := openUnfinished(cfg)
	if err != nil {
		return err
	}
	plan.Undo = true
	l := a.localRun(plan, w)
	if _, err := l.forward(ctx); err != nil {
		return err
	}
	for _, r := range l.last {
		if r.Outcome != v1alpha1.StepUndone {
			return &problem.Error{Kind: problem.Failed, Op: "undo", Subject: r.ID, Why: r.Message, Next: "mend the cause and run it again"}
		}
	}
	return nil
}

// openUnfinished opens what is needed to take an operation back.
func openUnfinished(cfg Config) (*Agent, v1alpha1.MachinePlanSpec, error) {
	var plan v1alpha1.MachinePlanSpec
	a, err := open(cfg)
	if err != nil {
		return nil, plan, err
	}
	if plan, err = a.journal.Plan(); err != nil {
		return nil, plan, err
	}
	busy, err := a.busy()
	if err == nil && !busy {
		err = &problem.Error{Kind: problem.Refused, Op: "undo", Why: "no operation on this machine has anything to take back"}
	}
	return a, plan, err
}

// open is New for a command beside the daemon: it listens nowhere and talks to no manager.
func open(cfg Config) (*Agent, error) {
	a := &Agent{cfg: cfg, name: cfg.Hostname}
	if err := durable.MkdirAll(cfg.spoolDir(), 0o700); err != nil {
		return nil, err
	}
	var err error
	if a.journal, err = step.Open(cfg.journalDir()); err != nil {
		return nil, err
	}
	if a.standing, err = newStanding(cfg.StateDir); err != nil {
		return nil, err
	}
	if cfg.Local != nil {
		if a.standing.orders, err = localOrders(cfg.Local); err != nil {
			return nil, err
		}
	}
	a.supervisor = cfg.supervisor()
	return a, nil
}
