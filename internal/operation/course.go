package operation

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// course is what saves, tasks and restores share while one decision is made.
type course struct {
	*Observed
	op v1alpha1.PlanOperation
	// status is the new one; it begins as the stored one.
	status *v1alpha1.OperationStatus
	Decision
}

func newCourse(seen *Observed, kind string, object *metav1.ObjectMeta, status *v1alpha1.OperationStatus) *course {
	c := &course{Observed: seen, op: v1alpha1.PlanOperation{Kind: kind, Name: object.Name, UID: string(object.UID)}, status: status}
	status.ObservedGeneration = object.Generation
	return c
}

// close ends the decision.
func (c *course) close(changed bool) Decision {
	if changed {
		c.Plans, c.Lock, c.Epoch, c.Becomes, c.After = nil, LockKeep, 0, Becomes{}, soon
		return c.Decision
	}
	c.Events = nil // they went with the change that they tell of
	c.overtake()
	switch {
	case c.Lock != LockKeep || len(c.Plans) > 0:
		c.After = soon
	case c.status.Phase.Ended():
		c.After = 0
	case c.After == 0:
		c.After = lookBack
	}
	if c.status.Deadline != nil && c.After > 0 {
		c.After = min(c.After, max(soon, c.status.Deadline.Sub(c.Now)))
	}
	return c.Decision
}

// overtake hands plans of this operation out anew that are older than what their machines go by. That comes of a manager
// that was restored from a backup: agents ignore such plans, and would be waited for in vain. The steps keep their ids, and
// with them an agent knows those that it has done; they keep their deadlines, after which it begins none.
func (c *course) overtake() {
	if c.status.Phase.Ended() {
		return
	}
	for i := range c.Machines {
		m := &c.Machines[i]
		if _, put := c.Plans[m.Name]; !put && c.mine(m) && m.Plan.Status.Serial > m.Plan.Spec.Serial {
			c.put(m, c.plan(m))
		}
	}
}

// enter begins a stage.
func (c *course) enter(phase v1alpha1.Phase, stage string, limit time.Duration, message string) {
	if c.status.Phase != phase {
		c.event(false, string(phase), message)
	}
	c.status.Phase, c.status.Stage = phase, stage
	c.status.Deadline = c.in(limit)
	c.say("%s", message)
}

// say tells what the operation does or waits for. The text must follow from what was observed, without the time of day:
// else each decision would be a change.
func (c *course) say(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	c.status.Message = clip(message, 4096)
	c.condition(v1alpha1.OperationProgressing, metav1.ConditionTrue, word(c.status.Stage, string(c.status.Phase)), message)
}

// late tells whether the stage's deadline has passed.
func (c *course) late() bool {
	return c.status.Deadline != nil && !c.Now.Before(c.status.Deadline.Time)
}

func (c *course) in(d time.Duration) *metav1.Time {
	t := metav1.NewTime(c.Now.Add(d).Truncate(time.Second))
	return &t
}

// acquire waits for the cluster's lock, and tells whether this operation has it.
func (c *course) acquire(patience time.Duration) bool {
	switch {
	case c.Holder != nil && c.Holder.UID == c.op.UID:
		return true
	case c.status.Phase == "":
		c.enter(v1alpha1.PhasePending, "Lock", patience, "waits for the cluster")
	case c.late():
		c.fail("DeadlineExceeded", c.status.Message+": given up; try again when that has ended")
		c.end()
	case c.Holder == nil:
		c.Lock = LockTake
	default:
		c.say("waits for %s %s, which has the cluster", c.Holder.Kind, c.Holder.Name)
		c.After = waitLock
	}
	return false
}

// fail records why the operation will not succeed. The first reason stays: what follows follows from it.
func (c *course) fail(reason, message string) {
	if c.failure() == nil {
		c.condition(v1alpha1.OperationSucceeded, metav1.ConditionFalse, reason, message)
	}
}

// reasonCancelled ends an operation as Cancelled instead of Failed.
const reasonCancelled = "Cancelled"

// failure is why the operation will not succeed; nil while it may.
func (c *course) failure() *metav1.Condition {
	found := meta.FindStatusCondition(c.status.Conditions, v1alpha1.OperationSucceeded)
	if found == nil || found.Status != metav1.ConditionFalse {
		return nil
	}
	return found
}

// end ends the operation as Finished, or as its failure says.
func (c *course) end(notes ...string) {
	phase, reason, message := v1alpha1.PhaseFinished, "Finished", strings.Join(notes, "; ")
	if f := c.failure(); f != nil {
		phase, reason = v1alpha1.PhaseFailed, f.Reason
		if reason == reasonCancelled {
			phase = v1alpha1.PhaseCancelled
		}
		message = strings.Join(append([]string{f.Message}, notes...), "; ")
	} else {
		c.condition(v1alpha1.OperationSucceeded, metav1.ConditionTrue, reason, message)
	}
	c.status.Phase, c.status.Stage, c.status.Deadline = phase, "", nil
	ended := metav1.NewTime(c.Now.Truncate(time.Second))
	c.status.Ended = &ended
	c.status.Message = clip(message, 4096)
	c.condition(v1alpha1.OperationProgressing, metav1.ConditionFalse, reason, message)
	c.event(phase != v1alpha1.PhaseFinished, string(phase), message)
}

func (c *course) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&c.status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: clip(message, 32768),
		ObservedGeneration: c.status.ObservedGeneration, LastTransitionTime: metav1.NewTime(c.Now.Truncate(time.Second)),
	})
}

func (c *course) event(warning bool, reason, message string) {
	c.Events = append(c.Events, Event{Warning: warning, Reason: reason, Message: clip(message, 1024)})
}

// release gives the lock back after the end.
func (c *course) release() {
	if c.Holder != nil && c.Holder.UID == c.op.UID {
		c.Lock = LockRelease
	}
}

func word(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return "Unknown"
}

// clip shortens a text to what the API takes.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}
