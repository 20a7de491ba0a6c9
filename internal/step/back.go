package step

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// undoTime is what the way back of one step may take when its own deadline is over, as it usually is by then. A plan
// that waited for the old deadline would never bring the machine back.
const undoTime = 15 * time.Minute

// back undoes what was begun, the last step first. It stops at the first that can't be undone: what is below it relies on
// it being gone.
func (r *run) back(ctx context.Context) error {
	for i := len(r.records) - 1; i >= 0; i-- {
		rec := r.records[i]
		if !rec.toUndo() {
			continue
		}
		if err := r.undo(ctx, rec); err != nil || rec.State != Undone {
			return err
		}
	}
	return nil
}

func (r *run) undo(ctx context.Context, rec *Record) error {
	until := r.Now().Add(undoTime)
	for _, s := range r.plan.Steps {
		if s.ID == rec.ID && s.Deadline.After(until) {
			until = s.Deadline.Time
		}
	}
	limited, cancel := context.WithDeadlineCause(ctx, until, errDeadline)
	defer cancel()
	r.Log.Info("step is being undone", "operation", r.plan.Operation.Name, "step", rec.Kind, "id", rec.ID)
	s, err := r.make(rec)
	if err == nil {
		err = s.Undo(limited, r.tell(rec))
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.mu.Lock()
	if err == nil {
		if rec.State == Done {
			rec.Message = "" // it told of an effect that has gone; why a step failed stays
		}
		rec.end(Undone, r.Now())
	} else {
		rec.end(Stuck, r.Now())
		rec.Message = head("it could not be undone: "+r.words(err), maxMessage)
	}
	r.mu.Unlock()
	return r.save(rec)
}

// words are an error as an operator reads it: with the next step, without secrets.
func (r *run) words(err error) string {
	text := err.Error()
	if next := problem.NextOf(err); next != "" {
		text += "; " + next
	}
	if errors.Is(err, errDeadline) {
		text = "not done in time: " + text
	}
	return head(r.Redact(text), maxMessage)
}
