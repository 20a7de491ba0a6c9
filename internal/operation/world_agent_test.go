package operation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// errWaits keeps a step running.
var errWaits = errors.New("it has no leader")

var errModel = errors.New("the model says no")

// perform brings the effect of a step about in the model.
func (w *world) perform(n *node, s v1alpha1.PlanStep) (any, error) {
	switch step.Kind(s.Kind) {
	case step.SaveSnapshot:
		set := settingsOf[step.SaveSettings](s)
		file := fmt.Sprintf("%s-%s-%d.db", set.Base, n.Name, w.now.Unix())
		return step.SaveEvidence{Files: []v1alpha1.SnapshotFile{{Location: "/var/lib/holdfast/" + file, File: file}}}, nil
	case step.VerifySnapshot:
		return w.tried(settingsOf[step.VerifySettings](s).Locations), nil
	case step.DeleteSnapshot:
		return w.tried(settingsOf[step.DeleteSettings](s).Locations), nil
	case step.TestTarget:
		return w.tried([]string{"write", "read"}), nil
	case step.SetScheduler:
		return w.tried([]string{subjectSchedule}), nil
	case step.Preflight:
		joins := settingsOf[step.PreflightSettings](s).Joins
		return step.PreflightEvidence{Checks: []v1alpha1.PreflightCheck{{
			Check: "DiskSpace", Machine: n.Name, Outcome: "Passed", Message: fmt.Sprintf("%d bytes come from the others", joins),
		}}}, nil
	case step.ServeSnapshot:
		return step.ServeEvidence{URLs: []string{"https://" + n.Name + ":9443/x"}, SHA256: "aa", Size: 10}, nil
	case step.FetchSnapshot:
		return step.FetchEvidence{SHA256: "aa", Size: 10, Revision: 4000, ContentHash: 7}, nil
	}
	return w.change(n, s)
}

func (w *world) tried(subjects []string) step.TaskEvidence {
	var e step.TaskEvidence
	for _, subject := range subjects {
		e.Results = append(e.Results, v1alpha1.TaskResult{Subject: subject, Outcome: v1alpha1.ResultPassed})
	}
	return e
}

// change is what changes a machine.
func (w *world) change(n *node, s v1alpha1.PlanStep) (any, error) {
	before := n.disk
	before.undo = nil
	undoTo := func(back func()) { n.undo = append(n.undo, undo{s.ID, back}) }
	if evidence, err, done := w.joining.change(w, n, s); done {
		return evidence, err
	}
	switch step.Kind(s.Kind) {
	case step.Fence:
		undoTo(func() { n.fenced, n.running = before.fenced, n.ran })
		n.ran, n.fenced = before.running, true
	case step.StopDistro:
		undoTo(func() {})
		n.running = false
		return step.StopEvidence{WasRunning: before.running}, nil
	case step.MoveAside:
		if n.running {
			w.t.Fatalf("the data of %s is moved while it runs", n.Name)
		}
		undoTo(func() { n.data, n.aside = before.data, "" })
		n.data, n.aside = "", n.data
	case step.RestoreEtcd:
		if n.data != "" || n.running {
			w.t.Fatalf("%s is restored over %q, running %v", n.Name, n.data, n.running)
		}
		set := settingsOf[step.RestoreSettings](s)
		undoTo(func() { n.data = "" })
		n.data = "rev 4000 of " + set.InitialCluster + " " + set.InitialClusterToken
		return step.RestoreEvidence{Revision: 4000, ContentHash: 7, ClusterID: "c"}, nil
	case step.AdmitMember, step.JoinEtcd, step.PromoteMember:
		return w.members.change(w, n, s)
	case step.StartDistro:
		w.members.mayStart(w, n)
		for _, other := range w.nodes {
			if other.running && other.data == "old" && !other.absent {
				w.t.Fatalf("%s starts new data while %s runs the old", n.Name, other.Name)
			}
		}
		undoTo(func() { n.fenced, n.running = true, false })
		n.fenced, n.running = false, true
	case step.WaitHealthy:
		if set := settingsOf[step.HealthySettings](s); set.MemberID != "" {
			return nil, w.members.healthy(w, n, set)
		}
		if !w.quorum(n) {
			return nil, errWaits
		}
	case step.Commit:
		n.epoch, n.committed = settingsOf[step.CommitSettings](s).Epoch, true
	default:
		w.t.Fatalf("step %s", s.Kind)
	}
	return nil, nil
}

// quorum tells whether more than half of the members of n's cluster run.
func (w *world) quorum(n *node) bool {
	same, all := 0, 0
	for _, other := range w.nodes {
		all++
		if other.running && !other.down && other.data == n.data {
			same++
		}
	}
	return same*2 > all || w.alone
}

func (n *node) takeBack(id string) {
	i := slices.IndexFunc(n.undo, func(u undo) bool { return u.id == id })
	if i < 0 || n.committed {
		return
	}
	n.undo[i].back()
	n.undo = slices.Delete(n.undo, i, i+1)
}

func settingsOf[T any](s v1alpha1.PlanStep) T {
	var v T
	if s.Settings != nil {
		if err := json.Unmarshal(s.Settings.Raw, &v); err != nil {
			panic(err)
		}
	}
	return v
}
