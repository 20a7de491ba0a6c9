package doctor

import (
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// running is the operation that has the cluster for itself, or nil.
func (e *examination) running() *v1alpha1.OperationReference { return e.Cluster.Status.Operation }

// operations is about what runs, waits or has failed.
func (e *examination) operations() {
	if o := e.running(); o != nil && o.Started != nil {
		e.add(Note, e.subject(o), fmt.Sprintf("it runs since %s, and is in phase %s", console.Age(e.Now, o.Started.Time), o.Phase), e.look(o))
	}
	if r := newest(e.Restores); r != nil {
		e.restore(r)
	}
	if s := newestSave(e.Saves); s != nil && s.Status.Phase == v1alpha1.PhaseFailed {
		e.add(Warning, "save "+s.Name, join("the last snapshot by hand failed", s.Status.Message), "holdfast snapshot create "+e.name)
	}
	for _, s := range e.Saves {
		e.overdue("save "+s.Name, &s.Status.OperationStatus)
	}
	for _, r := range e.Restores {
		e.overdue("restore "+r.Name, &r.Status.OperationStatus)
	}
}

func (e *examination) subject(o *v1alpha1.OperationReference) string {
	switch o.Kind {
	case "EtcdSnapshotRestore":
		return "restore " + o.Name
	case "EtcdSnapshotSave":
		return "save " + o.Name
	}
	return "task " + o.Name
}

func (e *examination) look(o *v1alpha1.OperationReference) string {
	if o.Kind == "EtcdSnapshotRestore" {
		return "holdfast restore status " + e.name + " " + o.Name + " --watch"
	}
	return ""
}

// overdue: nothing waits without a deadline, so one that has passed means that nobody drives the operation.
func (e *examination) overdue(subject string, s *v1alpha1.OperationStatus) {
	if s.Phase.Ended() || s.Deadline == nil || !s.Deadline.Time.Before(e.Now.Add(-silentAfter)) {
		return
	}
	e.add(Warning, subject, fmt.Sprintf("its deadline passed %s ago and nothing came of it: does holdfast-server run?", console.Age(e.Now, s.Deadline.Time)),
		"on the manager's host: systemctl status holdfast-server")
}

// restore is about the newest one.
func (e *examination) restore(r *v1alpha1.EtcdSnapshotRestore) {
	subject, status := "restore "+r.Name, "holdfast restore status "+e.name+" "+r.Name
	switch r.Status.Outcome {
	case v1alpha1.OutcomeKeptNew:
		e.add(Critical, subject, join("it failed after its commit point, and steps remain", r.Status.Message), "holdfast restore retry "+e.name+" "+r.Name)
	case v1alpha1.OutcomeHeld:
		e.add(Critical, subject, join("it failed and left everything as it was, as asked: the cluster may be down", r.Status.Message), status)
	case v1alpha1.OutcomeRolledBack:
		e.add(Warning, subject, join("it failed, and the old state is back", r.Status.Message), status)
	}
	if r.Spec.ApprovedPlan == "" && !r.Status.Phase.Ended() && r.Status.Plan != nil {
		e.add(Note, subject, "its plan waits for approval", "holdfast restore create "+e.name+" --plan "+r.Name)
	}
}

func newest(list []v1alpha1.EtcdSnapshotRestore) *v1alpha1.EtcdSnapshotRestore {
	if len(list) == 0 {
		return nil
	}
	r := slices.MaxFunc(list, func(a, b v1alpha1.EtcdSnapshotRestore) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	return &r
}

func newestSave(list []v1alpha1.EtcdSnapshotSave) *v1alpha1.EtcdSnapshotSave {
	if len(list) == 0 {
		return nil
	}
	s := slices.MaxFunc(list, func(a, b v1alpha1.EtcdSnapshotSave) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return &s
}
