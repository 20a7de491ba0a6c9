package agent

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

const (
	// answerEvery bounds how often progress is written: the end of a step is not held back.
	answerEvery = time.Second
	// lookEvery is how often the machine is looked at, and told if something that matters has changed.
	lookEvery = 30 * time.Second
	// tellEvery is how often numbers are told that change all the time: revision, sizes, free space.
	tellEvery = 5 * time.Minute
	// scanEvery is how often the repositories are listed, beside each time that something was stored.
	scanEvery = 30 * time.Minute
)

// answer writes the plan's results, the newest only. That a step has ended is told at once: others wait for it.
func (l *link) answer(ctx context.Context) error {
	var again pause
	told := v1alpha1.MachinePlanStatus{Serial: -1}
	for {
		rung := l.answered.wait()
		status := l.plans.answered()
		if l.forgotten.Swap(false) {
			told = v1alpha1.MachinePlanStatus{Serial: -1}
		}
		if status.Serial > 0 && !equality.Semantic.DeepEqual(status, told) {
			if err := l.patch(ctx, &v1alpha1.MachinePlan{}, status); err != nil {
				wait := again.after()
				l.cfg.Log.Warn("the results of the plan could not be told, trying again", "in", wait, "error", err)
				if !sleep(ctx, wait) {
					return nil
				}
				continue
			}
			told = status
			again.reset()
			continue // something may have come meanwhile
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return nil
		}
		if !l.gather(ctx, told) {
			return nil
		}
	}
}

// gather lets more progress come, until a step has ended that was not told to have. It says whether ctx goes on.
func (l *link) gather(ctx context.Context, told v1alpha1.MachinePlanStatus) bool {
	timer := time.NewTimer(answerEvery)
	defer timer.Stop()
	for {
		rung := l.answered.wait()
		if l.forgotten.Load() || news(l.plans.answered(), told) {
			return true
		}
		select {
		case <-rung:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// news reports whether a step has come to an end that was not told.
func news(now, told v1alpha1.MachinePlanStatus) bool {
	known := map[string]v1alpha1.StepOutcome{}
	for _, r := range told.Results {
		known[r.ID] = r.Outcome
	}
	return slices.ContainsFunc(now.Results, func(r v1alpha1.PlanResult) bool {
		return r.Outcome != v1alpha1.StepWaiting && r.Outcome != v1alpha1.StepRunning && r.Outcome != known[r.ID]
	})
}

// patch replaces the status of one of the machine's objects that nobody else writes.
func (l *link) patch(ctx context.Context, obj client.Object, status any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	// A merge patch would leave in place what a status no longer has.
	body, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": status}})
	if err != nil {
		return err
	}
	obj.SetNamespace(l.key.Namespace)
	obj.SetName(l.key.Name)
	return l.api.Status().Patch(ctx, obj, client.RawPatch(types.JSONPatchType, body))
}

// tell reports how the machine is and what it holds.
func (l *link) tell(ctx context.Context) error {
	var again pause
	state := reported{}
	for {
		stirred := l.stirred.wait()
		wait := lookEvery
		if err := l.report(ctx, &state); err != nil && ctx.Err() == nil {
			wait = again.after()
			l.cfg.Log.Warn("the machine's status could not be told, trying again", "error", err)
			stirred = nil
		} else {
			again.reset()
		}
		select {
		case <-stirred:
			state.scanned = time.Time{}
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// reported is what was told last.
type reported struct {
	status    v1alpha1.MachineStatus
	at        time.Time
	inventory v1alpha1.MachineInventoryStatus
	scanned   time.Time
}

func (l *link) report(ctx context.Context, last *reported) error {
	o, _ := l.standing.get()
	if !o.Known {
		return nil // the manager's settings come first: they say what to look at
	}
	status := l.look(ctx, o)
	now := l.cfg.Now()
	if now.Sub(last.at) >= tellEvery || !equality.Semantic.DeepEqual(steady(status), steady(last.status)) {
		if err := l.tellStatus(ctx, status); err != nil {
			return err
		}
		last.status, last.at = status, now
	}
	if now.Sub(last.scanned) < scanEvery || o.Spec.Snapshots == nil {
		return nil
	}
	inventory, whole, err := l.inventory(ctx, o, last.inventory)
	if err != nil {
		return err
	}
	if !equality.Semantic.DeepEqual(inventory.Files, last.inventory.Files) || last.inventory.Scanned == nil {
		if err := l.patch(ctx, &v1alpha1.MachineInventory{}, inventory); err != nil {
			return err
		}
	}
	last.inventory, last.scanned = inventory, now
	if !whole {
		last.scanned = now.Add(tellEvery - scanEvery) // not at the next look: it waits for whoever gives no answer
	}
	return nil
}

// steady leaves out what changes all the time.
func steady(s v1alpha1.MachineStatus) v1alpha1.MachineStatus {
	s.Disks = nil
	if s.Etcd != nil {
		e := *s.Etcd
		e.Size, e.InUse, e.Revision, e.RaftIndex = nil, nil, 0, 0
		s.Etcd = &e
	}
	return s
}

// tellStatus writes the machine's status. Conditions of the manager's stay as they are; what it wrote meanwhile makes
// this a conflict, and the next attempt begins anew.
func (l *link) tellStatus(ctx context.Context, status v1alpha1.MachineStatus) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var m v1alpha1.Machine
	if err := l.api.Get(ctx, l.key, &m); err != nil {
		return err
	}
	before := m.DeepCopy()
	conditions := m.Status.Conditions
	m.Status = status
	m.Status.Conditions = merge(conditions, status.Conditions, l.cfg.Now())
	if equality.Semantic.DeepEqual(before.Status, m.Status) {
		return nil
	}
	return l.api.Status().Patch(ctx, &m, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
