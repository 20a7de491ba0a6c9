package restoring

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/step"
)

// fence keeps the distribution from starting.
type fence struct{ base }

// fenceNote says how it was before.
type fenceNote struct {
	WasUp bool `json:"wasUp"`
}

// Do implements step.Step. A fence that was up before keeps data of before another restore from starting: an undo of this
// one must leave it.
func (s *fence) Do(ctx context.Context, _ step.Report) (any, error) {
	var was fenceNote
	noted, err := s.notes.read(noteFence, &was)
	if err == nil && !noted {
		if was.WasUp, err = s.Driver.Fenced(); err == nil {
			err = s.notes.write(noteFence, was)
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, s.Driver.Fence(ctx)
}

// Undo lifts the fence. What ran before the operation starts now: it could not before, because stopping is undone while
// the fence is still up.
func (s *fence) Undo(ctx context.Context, report step.Report) error {
	var was fenceNote
	if noted, err := s.notes.read(noteFence, &was); err != nil || noted && was.WasUp {
		return err
	}
	if err := s.Driver.Unfence(ctx); err != nil {
		return err
	}
	return s.startIfItRan(ctx, report)
}

// stop stops the distribution.
type stop struct{ base }

// Do implements step.Step. Whether it ran is noted first: an undo must not start what did not run.
func (s *stop) Do(ctx context.Context, report step.Report) (any, error) {
	var ran step.StopEvidence
	noted, err := s.notes.read(noteRan, &ran)
	if err != nil {
		return nil, err
	}
	if !noted {
		if ran.WasRunning, err = s.Driver.Running(ctx); err != nil {
			return nil, err
		}
		if err := s.notes.write(noteRan, ran); err != nil {
			return nil, err
		}
	}
	report("stopping "+s.what(), "")
	if err := s.Driver.Stop(ctx); err != nil {
		return nil, err
	}
	return ran, nil
}

// Undo implements step.Step.
func (s *stop) Undo(ctx context.Context, report step.Report) error {
	fenced, err := s.Driver.Fenced()
	if err != nil || fenced {
		return err // see fence.Undo
	}
	return s.startIfItRan(ctx, report)
}

func (b base) startIfItRan(ctx context.Context, report step.Report) error {
	var ran step.StopEvidence
	if _, err := b.notes.read(noteRan, &ran); err != nil || !ran.WasRunning {
		return err
	}
	report("starting "+b.what()+" again", "")
	return b.Driver.Start(ctx)
}

// start lifts the fence and starts the distribution.
type start struct{ base }

// Do implements step.Step.
func (s *start) Do(ctx context.Context, _ step.Report) (any, error) {
	if err := s.Driver.Unfence(ctx); err != nil {
		return nil, err
	}
	return nil, s.Driver.Start(ctx)
}

// Undo puts the fence back and stops what was started. The steps before this one are undone behind the fence.
func (s *start) Undo(ctx context.Context, report step.Report) error {
	if err := s.Driver.Fence(ctx); err != nil {
		return err
	}
	report("stopping "+s.what(), "")
	if err := s.Driver.Stop(ctx); err != nil {
		return fmt.Errorf("stop %s: %w", s.what(), err)
	}
	return nil
}
