package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// RunnerConfig says how plans are carried out.
type RunnerConfig struct {
	Journal *Journal
	// Make returns the step that a request asks for: ErrUnknownKind, or why its settings make no sense. It changes
	// nothing.
	Make func(Request) (Step, error)
	// Report is told the operation's results after each change, in the order in which the steps were begun. It must not
	// block.
	Report func(serial int64, results []v1alpha1.PlanResult)
	// Redact takes the secrets that this machine knows out of a text.
	Redact func(string) string
	Now    func() time.Time
	Log    *slog.Logger
}

// Request asks for a step.
type Request struct {
	Operation v1alpha1.PlanOperation
	ID        string
	Kind      Kind
	Settings  json.RawMessage
	// Dir is where the step may keep durable notes. It lives as long as the journal of the operation.
	Dir string
}

// Decode reads the settings into one of the …Settings types. A field that this agent doesn't know is refused: it might
// change what the step means.
func (r Request) Decode(settings any) error {
	if len(r.Settings) == 0 {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(r.Settings)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(settings); err != nil {
		return fmt.Errorf("settings of %s: %w", r.Kind, err)
	}
	return nil
}

// Errors of a plan that is not carried out.
var (
	// ErrStale: a plan with a higher serial was accepted before.
	ErrStale = errors.New("the plan is older than the one that this machine goes by")
	// ErrUnfinished: another operation changed this machine and has neither been committed nor undone.
	ErrUnfinished = errors.New("another operation is unfinished on this machine")
	// ErrUnknownKind: the agent doesn't know such a step.
	ErrUnknownKind = errors.New("this agent does not know such a step: update it")
	// ErrPlan: the plan contradicts itself.
	ErrPlan = errors.New("the plan makes no sense")
)

// Runner carries plans out, one step after the other.
type Runner struct{ RunnerConfig }

// NewRunner returns a runner. Nothing happens before Run or Resume.
func NewRunner(cfg RunnerConfig) *Runner {
	if cfg.Redact == nil {
		cfg.Redact = func(s string) string { return s }
	}
	return &Runner{cfg}
}

// Resume goes on with the plan that was accepted last.
func (r *Runner) Resume(ctx context.Context) error {
	plan, err := r.Journal.Plan()
	if err != nil || plan.Operation == nil {
		return err
	}
	return r.Run(ctx, plan)
}

// Run carries a plan out as far as it goes: to its last step, to the first that fails, or, for an undo, back to the
// first. How the steps went is in the results, not in the error, which says why the plan was not carried out: ErrStale,
// ErrUnfinished, ErrPlan, a journal that can't be written, or the end of ctx. After any of them the plan may be run
// again; what is done stays done.
func (r *Runner) Run(ctx context.Context, plan v1alpha1.MachinePlanSpec) error {
	release, err := r.Journal.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := r.admit(plan); err != nil {
		return err
	}
	if plan.Operation == nil {
		r.Report(plan.Serial, nil)
		return nil
	}
	records, err := r.Journal.Records(plan.Operation.UID)
	if err != nil {
		return err
	}
	run := &run{Runner: r, plan: plan, records: records}
	run.report()
	if plan.Undo {
		return run.back(ctx)
	}
	return run.forward(ctx)
}

var uidPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// admit decides whether the plan is one to go by, and records it.
func (r *Runner) admit(plan v1alpha1.MachinePlanSpec) error {
	if plan.Operation != nil && !uidPattern.MatchString(plan.Operation.UID) {
		return fmt.Errorf("%w: operation uid %q", ErrPlan, plan.Operation.UID)
	}
	last, err := r.Journal.Plan()
	if err != nil {
		return err
	}
	if plan.Serial < last.Serial {
		return fmt.Errorf("%w: serial %d, here %d", ErrStale, plan.Serial, last.Serial)
	}
	if last.Operation != nil && (plan.Operation == nil || plan.Operation.UID != last.Operation.UID) {
		if err := r.leave(*last.Operation, plan); err != nil {
			return err
		}
	}
	return r.Journal.accept(plan)
}

// leave makes sure that the last operation may be left for another.
func (r *Runner) leave(last v1alpha1.PlanOperation, plan v1alpha1.MachinePlanSpec) error {
	records, err := r.Journal.Records(last.UID)
	if err != nil {
		return err
	}
	if Unfinished(records) {
		err := fmt.Errorf("%w: %s %s (%s)", ErrUnfinished, last.Kind, last.Name, last.UID)
		if len(plan.Steps) > 0 {
			r.Report(plan.Serial, []v1alpha1.PlanResult{{ID: plan.Steps[0].ID, Outcome: v1alpha1.StepFailed, Message: err.Error()}})
		}
		return err
	}
	for _, rec := range records {
		if rec.State != Begun {
			continue
		}
		rec.end(Failed, r.Now())
		rec.Message = "given up: the operation ended before it"
		if err := r.Journal.put(last.UID, rec); err != nil {
			return err
		}
	}
	return nil
}

// run is one plan under way.
type run struct {
	*Runner
	plan v1alpha1.MachinePlanSpec

	mu      sync.Mutex // guards records' texts: steps may report from goroutines of their own
	records []*Record
}

func (r *run) find(id string) *Record {
	for _, rec := range r.records {
		if rec.ID == id {
			return rec
		}
	}
	return nil
}

func (r *run) report() {
	r.mu.Lock()
	results := make([]v1alpha1.PlanResult, len(r.records))
	for i, rec := range r.records {
		results[i] = rec.result()
	}
	r.mu.Unlock()
	r.Report(r.plan.Serial, results)
}

// save makes a change of a record durable, then tells it.
func (r *run) save(rec *Record) error {
	if err := r.Journal.put(r.plan.Operation.UID, rec); err != nil {
		return err
	}
	r.report()
	return nil
}

// tell takes what a step says of its progress. It is not made durable: whoever reads it after a crash would read of work
// that is done anew.
func (r *run) tell(rec *Record) Report {
	return func(message, output string) {
		r.mu.Lock()
		if message != "" {
			rec.Message = head(r.Redact(message), maxMessage)
		}
		if output != "" {
			rec.Output = tail(rec.Output+r.Redact(output), maxOutput)
		}
		r.mu.Unlock()
		r.report()
	}
}

func (r *run) make(rec *Record) (Step, error) {
	return r.Make(Request{
		Operation: *r.plan.Operation, ID: rec.ID, Kind: rec.Kind, Settings: rec.Settings,
		Dir: r.Journal.Dir(r.plan.Operation.UID),
	})
}
