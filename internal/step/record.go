package step

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Record is what the journal knows of one step.
type Record struct {
	Number   int             `json:"number"`
	ID       string          `json:"id"`
	Kind     Kind            `json:"kind"`
	Settings json.RawMessage `json:"settings,omitempty"`
	State    State           `json:"state"`
	Started  time.Time       `json:"started"`
	Deadline time.Time       `json:"deadline"`
	Ended    *time.Time      `json:"ended,omitempty"`
	Message  string          `json:"message,omitempty"`
	Output   string          `json:"output,omitempty"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// State of a step in the journal.
//
//	(nothing) ── Check said no ──→ refused                     nothing to undo
//	(nothing) ──→ begun ──→ done                               not done again
//	              begun ── the process died ──→ begun          done again
//	              begun ──→ failed                             nothing after it is done
//	begun, done, failed, stuck ── undo ──→ undone | stuck      stuck: tried again with the next plan that says undo
type State string

// The states.
const (
	Refused State = "refused"
	Begun   State = "begun"
	Done    State = "done"
	Failed  State = "failed"
	Undone  State = "undone"
	Stuck   State = "stuck"
)

// toUndo says whether an effect of the step may be there.
func (r *Record) toUndo() bool {
	return r.State != Refused && r.State != Undone
}

func (r *Record) end(state State, now time.Time) {
	now = now.UTC()
	r.State, r.Ended = state, &now
}

// Limits of a result, in bytes: what the API takes in characters.
const (
	maxMessage = 4096
	maxOutput  = 16384
)

// result is what the manager is told.
func (r *Record) result() v1alpha1.PlanResult {
	started := metav1.NewTime(r.Started)
	res := v1alpha1.PlanResult{ID: r.ID, Outcome: r.outcome(), Started: &started, Message: r.Message, Output: r.Output}
	if r.Ended != nil {
		ended := metav1.NewTime(*r.Ended)
		res.Ended = &ended
	}
	if len(r.Evidence) > 0 {
		res.Evidence = &runtime.RawExtension{Raw: r.Evidence}
	}
	return res
}

func (r *Record) outcome() v1alpha1.StepOutcome {
	switch r.State {
	case Begun:
		return v1alpha1.StepRunning
	case Done:
		return v1alpha1.StepDone
	case Undone:
		return v1alpha1.StepUndone
	}
	return v1alpha1.StepFailed
}

// Unfinished says whether an operation has changed something on this machine that it has neither committed nor taken
// back. Until it does no other operation may begin here.
func Unfinished(records []*Record) bool {
	committed := slices.ContainsFunc(records, func(r *Record) bool { return r.Kind == Commit && r.State == Done })
	return !committed && slices.ContainsFunc(records, func(r *Record) bool { return r.Kind.Changes() && r.toUndo() })
}

// Changes says whether steps of this kind change the machine in a way that somebody has to commit or undo.
func (k Kind) Changes() bool {
	switch k {
	case Fence, StopDistro, MoveAside, RestoreEtcd, InstallDistro, WriteConfig, PointServer, JoinEtcd, StartDistro:
		return true
	}
	return false
}

// head keeps the first bytes of a text, in whole characters.
func head(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// tail keeps the last bytes of a text, in whole characters and, where it has lines, from the beginning of one.
func tail(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[len(text)-limit:]
	if _, rest, ok := strings.Cut(text, "\n"); ok && rest != "" {
		return rest
	}
	for text != "" && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
