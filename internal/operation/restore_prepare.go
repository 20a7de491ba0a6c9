package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Outcomes of a PreflightCheck.
const (
	checkWaiting = "Waiting"
	checkPassed  = "Passed"
	checkWarning = "Warning"
	checkFailed  = "Failed"
)

// prepare makes the plan and keeps it true until it is approved. Nothing is locked, and nothing touched.
func (r *restoring) prepare() {
	if r.late() {
		r.fail(reasonCancelled, "nobody approved the plan within a day: create another restore")
		r.enter(v1alpha1.PhasePending, stageClear, clearLimit, "takes the plans back")
		return
	}
	if r.approved() && r.Holder != nil && r.Holder.UID != r.op.UID {
		// What that one does to the machines says nothing about the plan: it is judged again when the cluster is free.
		r.enter(v1alpha1.PhasePending, stageLock, lockPatience, "approved; waits for the cluster")
		return
	}
	d := r.draft(r.spec.Source)
	switch {
	case r.status.Plan == nil:
		r.replan(d)
		return
	case !sameFacts(r.status.Plan, d.plan):
		r.event(false, "PlanChanged", "the facts have changed, and so has the plan")
		r.replan(d)
		return
	case r.dueAgain():
		r.event(false, "CheckedAgain", "the machines check again whether it can be done")
		r.replan(d)
		return
	}
	r.refresh(d.checks)
	answered := r.preflight()
	switch bad := r.failedChecks(); {
	case !answered:
	case r.spec.ApprovedPlan == "" && bad != "":
		r.say("can't be done as it is: %s%s", bad, r.mend())
		r.condition(v1alpha1.OperationPlanned, metav1.ConditionTrue, v1alpha1.PlannedRefused, bad)
	case r.spec.ApprovedPlan == "":
		r.say("planned; it begins when spec.approvedPlan is %s", r.status.Plan.Digest)
		r.condition(v1alpha1.OperationPlanned, metav1.ConditionTrue, v1alpha1.PlannedReady, "every check has passed")
	case !r.approved():
		r.refuse("PlanChanged", "the plan that was approved is no longer the one: "+r.status.Plan.Reason+
			"; create another restore and read its plan")
	case bad != "":
		r.refuse("PreflightFailed", "a check failed: "+bad)
	default:
		r.enter(v1alpha1.PhasePending, stageLock, lockPatience, "approved; waits for the cluster")
	}
}

// approved tells whether the present plan is, or one that did the same.
func (r *restoring) approved() bool {
	p := r.status.Plan
	return p != nil && r.spec.ApprovedPlan != "" && (r.spec.ApprovedPlan == p.Digest || slices.Contains(p.Supersedes, r.spec.ApprovedPlan))
}

// mend says what to do about checks that the manager does not repeat all the time.
func (r *restoring) mend() string {
	if !r.machinesRefuse() {
		return ""
	}
	return "; the machines check again by and by, or at once: holdfast restore retry " + r.Cluster.Name + " " + r.op.Name
}

// machinesRefuse tells whether a check has failed that only a machine can make.
func (r *restoring) machinesRefuse() bool {
	return slices.ContainsFunc(r.status.Preflight, func(c v1alpha1.PreflightCheck) bool {
		return c.Outcome == checkFailed && !slices.Contains(ownChecks, c.Check)
	})
}

// recheckFirst is how long a refusal stands before the machines check again by themselves.
const recheckFirst = 5 * time.Minute

// dueAgain tells whether a plan that was refused is to be made once more: what was wrong may have been mended. Whoever
// wants it now says so by retryFrom. By itself it is done ever more rarely, since checks read whole snapshots: after five
// minutes, and then when half as much time again has passed as since the beginning.
func (r *restoring) dueAgain() bool {
	planned := meta.FindStatusCondition(r.status.Conditions, v1alpha1.OperationPlanned)
	if r.spec.ApprovedPlan != "" || r.status.Deadline == nil || planned == nil || planned.Reason != v1alpha1.PlannedRefused {
		return false
	}
	if r.spec.RetryFrom == r.status.Plan.Digest {
		return true
	}
	refused := planned.LastTransitionTime.Time
	stood := refused.Sub(r.status.Deadline.Add(-planLimit))
	return r.machinesRefuse() && !r.Now.Before(refused.Add(max(recheckFirst, stood/2)))
}

// refuse ends before anything was touched.
func (r *restoring) refuse(reason, message string) {
	r.fail(reason, message)
	r.enter(v1alpha1.PhasePending, stageClear, clearLimit, "takes the plans back")
}

// replan puts a new plan in the place of the one that was. Its checks begin anew.
func (r *restoring) replan(d *draft) {
	d.plan.Made = metav1.NewTime(r.Now.Truncate(1e9))
	d.plan.Text = d.text()
	d.plan.Digest = digest(d.plan)
	d.plan.Supersedes = supersedes(r.status.Plan, d.plan)
	r.status.Plan, r.status.Preflight = d.plan, d.checks
	r.condition(v1alpha1.OperationPlanned, metav1.ConditionUnknown, v1alpha1.PlannedChecking, "the machines are being asked")
	if r.holds() {
		return // steps of the last round are taken back first: see preflight
	}
	r.status.Steps = nil
	r.say("checks all machines")
}

// refresh renews what the manager checks by itself, and leaves what the machines have found.
func (r *restoring) refresh(own []v1alpha1.PreflightCheck) {
	all := slices.Clone(own)
	for _, c := range r.status.Preflight {
		if !slices.Contains(ownChecks, c.Check) {
			all = append(all, c)
		}
	}
	r.status.Preflight = all
}

// sameFacts tells whether two plans would do the same. Words and times do not count: an error's text may differ each time
// that a broken etcd is asked. Nor does it count that a good snapshot has stood another test meanwhile.
func sameFacts(a, b *v1alpha1.RestorePlan) bool {
	return equality.Semantic.DeepEqual(facts(a), facts(b))
}

func facts(p *v1alpha1.RestorePlan) *v1alpha1.RestorePlan {
	p = p.DeepCopy()
	p.Reason, p.Candidates, p.Text, p.Changes, p.Made = "", nil, nil, nil, metav1.Time{}
	p.Digest, p.Supersedes = "", nil
	// Workers come and go, and change nothing about what is approved.
	p.Machines = slices.DeleteFunc(p.Machines, func(m v1alpha1.PlannedMachine) bool { return worker(&m) })
	for i := range p.Machines {
		p.Machines[i].Reason = ""
	}
	if p.Snapshot != nil && good(p.Snapshot.State) {
		p.Snapshot.State = v1alpha1.StateComplete
	}
	return p
}

// supersededLimit is how many plans are remembered: a cluster that goes down becomes worse with each of its members.
const supersededLimit = 10

// supersedes are the digests of plans whose approval is good for the next one, too. A cluster often goes on dying while its
// restore is read and approved. As long as what is done stays the same, there is less to lose than was said, and whoever is
// in such a hurry is not asked again. When the cluster has become better there is more to lose, and they are.
func supersedes(last, next *v1alpha1.RestorePlan) []string {
	if last == nil || !equality.Semantic.DeepEqual(deeds(last), deeds(next)) || severity(next.Verdict) < severity(last.Verdict) {
		return nil
	}
	all := append(slices.Clone(last.Supersedes), last.Digest)
	return all[max(0, len(all)-supersededLimit):]
}

// deeds are the facts about a plan without what it says of the cluster's health.
func deeds(p *v1alpha1.RestorePlan) *v1alpha1.RestorePlan {
	p = facts(p)
	p.Verdict = ""
	p.Warnings = slices.DeleteFunc(p.Warnings, func(w string) bool { return strings.HasPrefix(w, wasteWarning) })
	return p
}

// digestPrefix is what a plan's digest begins with, and no step's ID.
const digestPrefix = "sha256:"

// digest is over the plan's canonical JSON: fields in the order of the type.
func digest(p *v1alpha1.RestorePlan) string {
	p = p.DeepCopy()
	p.Digest, p.Supersedes = "", nil
	p.Made = metav1.NewTime(p.Made.UTC())
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// preflight asks all machines that answer, one round for each plan, and tells whether all have answered. It yields: a
// plan of somebody who has the cluster is not touched.
func (r *restoring) preflight() bool {
	id, waiting := r.checkID(), []*Machine(nil)
	patient := r.Now.Before(r.status.Plan.Made.Add(workerPatience))
	for _, m := range r.asked() {
		if !m.Alive || m.Plan.Name == "" || m.unfinished() != "" {
			continue // there is a failed check that says so
		}
		switch o, why := r.outcome(m, id); {
		case o == v1alpha1.StepDone && r.fetchesEarly(m):
			r.pause(m)
		case o == v1alpha1.StepDone:
			r.clear(m)
		case o == v1alpha1.StepFailed:
			r.clear(m)
			r.check("Preflight", m.Name, r.severe(m, checkFailed), why)
		case r.isWorker(m) && !patient:
			r.clear(m)
			r.check("Preflight", m.Name, checkWarning, "it has not checked anything so far; it is a worker, so nothing waits for it")
		case r.Holder != nil && r.Holder.UID != r.op.UID:
			r.say("waits with its checks for %s %s, which has the cluster", r.Holder.Kind, r.Holder.Name)
			return false
		case m.Plan.Spec.Operation != nil && !r.mine(m):
			waiting = append(waiting, m)
		case r.mine(m) && !r.handed(m, id):
			r.clear(m) // the last round's
			waiting = append(waiting, m)
		default:
			r.want(m, id, step.Preflight, r.preflightSettings(m))
			waiting = append(waiting, m)
		}
	}
	if len(waiting) > 0 {
		r.say("checks all machines: waits for %s", names(waiting))
	}
	return len(waiting) == 0
}

// workerPatience is how long a plan waits for what workers find.
const workerPatience = 3 * time.Minute

// checkID is the id of this plan's preflight.
func (r *restoring) checkID() string {
	return r.id("preflight") + "-" + r.status.Plan.Digest[len(digestPrefix):len(digestPrefix)+8]
}

func (r *restoring) preflightSettings(m *Machine) any {
	plan, p := r.status.Plan, r.part(m)
	set := step.PreflightSettings{Copy: r.copy(), Joins: r.joins(m)}
	// A survivor's snapshot does not exist yet.
	set.Restores = p.Action == v1alpha1.ActionRestore && plan.Survivor != m.Name
	set.Fetches = r.fetchesEarly(m)
	if touched(p) && p.Action != v1alpha1.ActionLeave {
		set.Installs = plan.KubernetesVersion
		if p.Config != nil {
			set.Configures = p.Config.Raw
		}
	}
	return set
}

// fetchesEarly tells whether a machine fetches the snapshot for its checks: the one that is restored, from S3. So the plan
// tells of the very bytes, and the restore finds them there. Another machine's copy is offered to nobody before the approval.
func (r *restoring) fetchesEarly(m *Machine) bool {
	return r.shape.alone && r.part(m).Action == v1alpha1.ActionRestore && r.status.Plan.Snapshot != nil && r.status.Plan.Snapshot.Machine == ""
}

// unkeep has no machine keep anything for a restore that has ended.
func (r *restoring) unkeep() {
	for i := range r.Machines {
		if m := &r.Machines[i]; !r.mine(m) {
			r.clear(m)
		}
	}
}

// recordPreflight takes over what the machines have looked at.
func (r *restoring) recordPreflight() {
	if r.status.Plan == nil {
		return
	}
	for _, m := range r.asked() {
		for _, id := range []string{r.checkID(), r.id("check")} {
			var e step.PreflightEvidence
			if !r.mine(m) || !evidence(m, id, &e) {
				continue
			}
			for _, c := range e.Checks {
				r.check(c.Check, m.Name, r.severe(m, c.Outcome), c.Message)
			}
		}
	}
}

// severe is what a check's outcome comes to: no worker keeps a cluster from being restored.
func (r *restoring) severe(m *Machine, outcome string) string {
	if outcome == checkFailed && r.isWorker(m) {
		return checkWarning
	}
	return outcome
}

func (r *restoring) check(check, machine, outcome, message string) {
	r.status.Preflight = putCheck(r.status.Preflight, check, machine, outcome, message)
}

func putCheck(list []v1alpha1.PreflightCheck, check, machine, outcome, message string) []v1alpha1.PreflightCheck {
	c := v1alpha1.PreflightCheck{Check: check, Machine: machine, Outcome: outcome, Message: clip(message, 4096)}
	for i := range list {
		if list[i].Check == check && list[i].Machine == machine {
			list[i] = c
			return list
		}
	}
	return append(list, c)
}

func (r *restoring) failedChecks() string {
	var bad []string
	for _, c := range r.status.Preflight {
		if c.Outcome == checkFailed {
			bad = append(bad, fmt.Sprintf("%s on %s: %s", c.Check, c.Machine, c.Message))
		}
	}
	return strings.ReplaceAll(strings.Join(bad, "; "), " on -:", ":")
}

// lock waits for the cluster, and looks once more whether the approved plan is still true.
func (r *restoring) lock() {
	if !r.acquire(lockPatience) {
		if r.status.Phase.Ended() {
			r.status.Outcome = v1alpha1.OutcomeNothingDone
		}
		return
	}
	d := r.draft(r.spec.Source)
	for _, c := range d.checks {
		if c.Outcome == checkFailed {
			r.refuse("PreflightFailed", fmt.Sprintf("a check failed after the approval: %s: %s", c.Check, c.Message))
			return
		}
	}
	if err := r.differs(d.plan); err != "" {
		r.refuse("PlanChanged", "since the approval "+err+": create another restore and read its plan")
		return
	}
	r.status.Started = now(r.Now)
	r.enter(v1alpha1.PhaseStarted, stagePreflight, preflightLimit, "checks all machines once more")
}

// differs says what has changed about a plan since it was approved, if that matters: other actions, or a cluster that is
// better than it was, so that the restore would lose more than was said.
func (r *restoring) differs(p *v1alpha1.RestorePlan) string {
	approved := r.status.Plan
	switch {
	case !equality.Semantic.DeepEqual(facts(approved).Machines, facts(p).Machines):
		return "the machines and what happens on them have changed"
	case approved.ClusterID != p.ClusterID || !slices.Equal(approved.RemoveMembers, p.RemoveMembers):
		return "the members of etcd have changed"
	case approved.KubernetesVersion != p.KubernetesVersion:
		return "the version that has to be installed has changed"
	case approved.RestoreEpoch != p.RestoreEpoch:
		return "the cluster was restored by somebody else"
	case severity(p.Verdict) < severity(approved.Verdict):
		return "the cluster has become better: " + p.Reason
	}
	return ""
}

func severity(v v1alpha1.Verdict) int {
	return slices.Index([]v1alpha1.Verdict{
		v1alpha1.VerdictNothing, v1alpha1.VerdictReplace, v1alpha1.VerdictReset, v1alpha1.VerdictRestore,
	}, v)
}
