package simulated

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// carryOut does what a plan asks for. a.mu is held.
func (a *Agent) carryOut(ctx context.Context, spec v1alpha1.MachinePlanSpec) {
	uid := ""
	if spec.Operation != nil {
		uid = spec.Operation.UID
	}
	if uid != a.uid {
		a.uid, a.done, a.disk.undo = uid, nil, nil
	}
	if spec.Undo {
		a.takeBack()
		return
	}
	for _, s := range spec.Steps {
		i := slices.IndexFunc(a.done, func(r v1alpha1.PlanResult) bool { return r.ID == s.ID })
		if i < 0 {
			a.done = append(a.done, a.perform(ctx, s))
			i = len(a.done) - 1
		}
		if a.done[i].Outcome != v1alpha1.StepDone {
			return
		}
	}
}

func (a *Agent) takeBack() {
	for i := range a.done {
		a.done[i].Outcome = v1alpha1.StepUndone
	}
	for _, back := range slices.Backward(a.disk.undo) {
		back(&a.disk)
	}
	a.disk.undo = nil
}

func (a *Agent) perform(ctx context.Context, s v1alpha1.PlanStep) v1alpha1.PlanResult {
	now := metav1.Now()
	r := v1alpha1.PlanResult{ID: s.ID, Outcome: v1alpha1.StepDone, Started: &now, Ended: &now}
	if a.Fail != nil {
		if err := a.Fail(s); err != nil {
			r.Outcome, r.Message = v1alpha1.StepFailed, err.Error()
			return r
		}
	}
	a.journal.did(s.ID)
	found, err := a.effect(ctx, s)
	if err != nil {
		r.Outcome, r.Message = v1alpha1.StepFailed, err.Error()
		return r
	}
	if found != nil {
		data, err := json.Marshal(found)
		if err != nil {
			panic(err)
		}
		r.Evidence, r.Message = &runtime.RawExtension{Raw: data}, step.Told(found)
	}
	return r
}

func settings[T any](s v1alpha1.PlanStep) (v T) {
	if s.Settings != nil {
		if err := json.Unmarshal(s.Settings.Raw, &v); err != nil {
			panic(err)
		}
	}
	return v
}

func (a *Agent) effect(ctx context.Context, s v1alpha1.PlanStep) (any, error) {
	if step.Kind(s.Kind) == step.TestTarget {
		return a.testTarget(ctx, settings[step.TargetSettings](s).S3)
	}
	return a.madeUp(s), nil
}

// madeUp is what a step comes to that needs an etcd.
func (a *Agent) madeUp(s v1alpha1.PlanStep) any {
	before := a.disk
	switch step.Kind(s.Kind) {
	case step.SaveSnapshot:
		return step.SaveEvidence{Files: []v1alpha1.SnapshotFile{a.save(settings[step.SaveSettings](s), time.Now())}}
	case step.VerifySnapshot:
		return tried(settings[step.VerifySettings](s).Locations)
	case step.DeleteSnapshot:
		gone := settings[step.DeleteSettings](s).Locations
		a.files = slices.DeleteFunc(a.files, func(f v1alpha1.SnapshotFile) bool { return slices.Contains(gone, f.Location) })
		return tried(gone)
	case step.Preflight:
		return step.PreflightEvidence{Checks: a.checks()}
	case step.ServeSnapshot:
		return step.ServeEvidence{URLs: []string{"https://" + a.Name + ":9443/snapshot"}, SHA256: "aa", Size: 1 << 20}
	case step.FetchSnapshot:
		return step.FetchEvidence{SHA256: "aa", Size: 1 << 20, Revision: 900, ContentHash: 7}
	case step.StopDistro:
		a.disk.undo = append(a.disk.undo, func(d *disk) { d.running = before.running })
		a.disk.running = false
		return step.StopEvidence{WasRunning: before.running}
	case step.RestoreEtcd:
		return step.RestoreEvidence{Revision: 900, ContentHash: 7, ClusterID: "1"}
	case step.StartDistro:
		a.disk.undo = append(a.disk.undo, func(d *disk) { d.running = false })
		a.disk.running = true
	case step.Commit:
		a.disk.epoch, a.disk.undo = settings[step.CommitSettings](s).Epoch, nil
	}
	return nil
}

func (a *Agent) checks() []v1alpha1.PreflightCheck {
	return []v1alpha1.PreflightCheck{
		{Check: "DiskSpace", Machine: a.Name, Outcome: "Passed", Message: "14 GB are free, and 3 MB are needed"},
		{Check: "Changes", Machine: a.Name, Outcome: "Passed", Message: "12 objects change: 8 become what they were, 4 made since are gone. By kind: configmaps 8 become what they were; pods 4 made since are gone"},
	}
}

func tried(subjects []string) step.TaskEvidence {
	var e step.TaskEvidence
	for _, subject := range subjects {
		e.Results = append(e.Results, v1alpha1.TaskResult{Subject: subject, Outcome: v1alpha1.ResultPassed})
	}
	return e
}

func (a *Agent) save(set step.SaveSettings, now time.Time) v1alpha1.SnapshotFile {
	file := fmt.Sprintf("%s-%s-%d.db", set.Base, a.Name, now.Unix())
	f := v1alpha1.SnapshotFile{
		Location: "/var/lib/holdfast/snapshots/" + file, File: file,
		SnapshotFacts: v1alpha1.SnapshotFacts{
			Trigger: set.Trigger, Created: metav1.NewTime(now.Truncate(time.Second)), Backup: set.Backup, Node: a.Name, Revision: 900,
		},
		CopyFacts: v1alpha1.CopyFacts{Size: 1 << 20, SHA256: "aa", State: v1alpha1.StateRestored},
	}
	a.files = append(a.files, f)
	return f
}
