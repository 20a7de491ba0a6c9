package watch

import (
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Outcome is nil for an operation that succeeded, and else says why not and what is next. Its kind tells a refusal, where
// nothing was touched, from a failure.
func Outcome(cluster string, obj client.Object) error {
	s := StatusOf(obj)
	if s.Phase == v1alpha1.PhaseFinished {
		return nil
	}
	p := &problem.Error{
		Kind: problem.Unsuccessful, Op: Noun(obj), Subject: obj.GetName() + " of cluster " + cluster, Why: s.Message,
		Next: "holdfast doctor " + cluster,
	}
	if p.Why == "" {
		p.Why = "the manager gave no reason"
	}
	if s.Phase == v1alpha1.PhaseCancelled && !strings.HasPrefix(p.Why, "cancelled") {
		p.Why = "it was cancelled: " + p.Why
	}
	if failed := firstFailed(s); failed != nil && s.Phase == v1alpha1.PhaseFailed {
		p.Why += fmt.Sprintf(" (%s on %s: %s)", failed.Step, failed.Machine, failed.Message)
	}
	if r, ok := obj.(*v1alpha1.EtcdSnapshotRestore); ok {
		restoreOutcome(p, cluster, r)
	}
	return p
}

func restoreOutcome(p *problem.Error, cluster string, r *v1alpha1.EtcdSnapshotRestore) {
	switch r.Status.Outcome {
	case v1alpha1.OutcomeNothingDone:
		p.Kind = problem.Refused
	case v1alpha1.OutcomeRolledBack:
		p.Why = "the old state is back: " + p.Why
	case v1alpha1.OutcomeHeld:
		p.Why = "everything was left as it is, as asked: " + p.Why
	case v1alpha1.OutcomeKeptNew:
		p.Why = "the snapshot's data runs, but steps remain: " + p.Why
		p.Next = "holdfast restore retry " + cluster + " " + r.Name
	}
}

func firstFailed(s *v1alpha1.OperationStatus) *v1alpha1.StepStatus {
	for i := range s.Steps {
		if s.Steps[i].Outcome == v1alpha1.StepFailed {
			return &s.Steps[i]
		}
	}
	return nil
}
