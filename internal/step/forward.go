package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// errDeadline ends a step's context.
var errDeadline = errors.New("the step's deadline has passed")

// forward does the steps in order. It stops at the first that is not done.
func (r *run) forward(ctx context.Context) error {
	for _, s := range r.plan.Steps {
		rec := r.find(s.ID)
		switch {
		case rec == nil:
			begun, err := r.begin(ctx, s)
			if begun == nil || err != nil {
				return err
			}
			rec = begun
		case rec.State == Done:
			continue
		case rec.State != Begun:
			return nil
		}
		if err := r.do(ctx, rec); err != nil || rec.State != Done {
			return err
		}
	}
	return nil
}

// begin checks a step and records that it is begun. It returns nil when the step is refused.
func (r *run) begin(ctx context.Context, s v1alpha1.PlanStep) (*Record, error) {
	rec := &Record{
		Number: len(r.records) + 1, ID: s.ID, Kind: Kind(s.Kind), Started: r.Now().UTC(), Deadline: s.Deadline.UTC(),
	}
	if s.Settings != nil {
		rec.Settings = s.Settings.Raw
	}
	why := r.check(ctx, rec)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	r.records = append(r.records, rec)
	rec.State = Begun
	if why != nil {
		rec.end(Refused, r.Now())
		rec.Message = r.words(why)
	}
	r.mu.Unlock()
	if err := r.save(rec); err != nil || why != nil {
		return nil, err
	}
	r.Log.Info("step begun", "operation", r.plan.Operation.Name, "step", rec.Kind, "id", rec.ID)
	return rec, nil
}

// check returns why a step can't be begun.
func (r *run) check(ctx context.Context, rec *Record) error {
	ctx, cancel := context.WithDeadlineCause(ctx, rec.Deadline, errDeadline)
	defer cancel()
	if ctx.Err() != nil {
		return fmt.Errorf("it was not begun: %w", context.Cause(ctx))
	}
	s, err := r.make(rec)
	if err != nil {
		return err
	}
	return s.Check(ctx)
}

// do brings a begun step to its end, whatever end. An error is about the journal, or about a run that was stopped: then
// the step stays begun.
func (r *run) do(ctx context.Context, rec *Record) error {
	limited, cancel := context.WithDeadlineCause(ctx, rec.Deadline, errDeadline)
	defer cancel()
	evidence, told, err := r.attempt(limited, rec)
	if ctx.Err() != nil && err != nil {
		return context.Cause(ctx)
	}
	if err != nil && limited.Err() != nil {
		err = errors.Join(errDeadline, err)
	}
	r.mu.Lock()
	if err == nil {
		rec.end(Done, r.Now())
		rec.Evidence, rec.Message = evidence, told // in place of what it was doing
	} else {
		rec.end(Failed, r.Now())
		rec.Message = r.words(err)
	}
	r.mu.Unlock()
	r.Log.Info("step ended", "operation", r.plan.Operation.Name, "step", rec.Kind, "id", rec.ID, "state", rec.State, "message", rec.Message)
	return r.save(rec)
}

// attempt does a step, and returns its evidence and what is told of that.
func (r *run) attempt(ctx context.Context, rec *Record) (json.RawMessage, string, error) {
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	s, err := r.make(rec)
	if err != nil {
		return nil, "", err
	}
	evidence, err := s.Do(ctx, r.tell(rec))
	if err != nil || evidence == nil {
		return nil, "", err
	}
	data, err := json.Marshal(evidence)
	return json.RawMessage(r.Redact(string(data))), r.Redact(Told(evidence)), err
}
