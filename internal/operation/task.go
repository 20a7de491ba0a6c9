package operation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// How a task goes:
//
//	phase    stage  what happens                                           leaves when
//	Pending  Lock   waits for the cluster's lock                           it has it; 1 h: Failed
//	Started  Work   one step on each machine concerned, all at once        all have ended; 2 h
//	Started  Clear  their plans are cleared                                they have seen it; 3 min
//	Finished, Failed, Cancelled
//
// Each copy on a disk is its machine's work; copies in S3 are the work of one machine, a follower if there is one. A task
// that hands the schedule over works on one machine at a time: see task_schedule.go.
const (
	stageWork  = "Work"
	stageClear = "Clear"

	taskLimit = 2 * time.Hour
)

// maxResults is what a task's status holds.
const maxResults = 1000

// notTried stands in the results until the machine has something to say, so that who does what is decided once.
const notTried = "not tried yet"

// DecideTask decides how a task goes on. The object is not changed.
func DecideTask(task *v1alpha1.EtcdSnapshotTask, seen *Observed) (v1alpha1.EtcdSnapshotTaskStatus, Decision) {
	status := *task.Status.DeepCopy()
	t := &tasking{
		course: newCourse(seen, "EtcdSnapshotTask", &task.ObjectMeta, &status.OperationStatus),
		spec:   &task.Spec, status: &status, cancelled: task.Spec.Cancel || !task.DeletionTimestamp.IsZero(),
	}
	if s3 := task.Spec.S3; s3 != nil && s3.CredentialSecretName != credentials(seen.Cluster) {
		// The machines have not read these keys, and may not until their plan names the Secret.
		t.op.SecretName = s3.CredentialSecretName
	}
	t.decide()
	return status, t.close(!equality.Semantic.DeepEqual(status, task.Status))
}

// credentials is the Secret that the machines of a cluster may read at any time; empty when there is none.
func credentials(c *v1alpha1.Cluster) string {
	if c.Spec.Etcd.S3 == nil {
		return ""
	}
	return c.Spec.Etcd.S3.CredentialSecretName
}

type tasking struct {
	*course
	spec      *v1alpha1.EtcdSnapshotTaskSpec
	status    *v1alpha1.EtcdSnapshotTaskStatus
	cancelled bool
}

func (t *tasking) decide() {
	if t.status.Phase.Ended() {
		t.release()
		return
	}
	t.record()
	t.recordResults()
	switch {
	case t.status.Phase != v1alpha1.PhaseStarted:
		t.pend()
	case t.status.Stage == stageWork:
		t.work()
	default:
		t.finish()
	}
}

func (t *tasking) pend() {
	if t.cancelled {
		t.fail(reasonCancelled, "cancelled before it began")
		t.end()
		return
	}
	if !t.acquire(lockPatience) {
		return
	}
	t.status.Started = t.in(0)
	work, missing := t.assign()
	if n := size(work) + len(missing); n > maxResults {
		t.fail("TooMany", fmt.Sprintf("%d copies are too many for one task: name fewer snapshots", n))
		t.end()
		return
	}
	for _, m := range missing {
		t.result(m)
	}
	for _, m := range t.order(t.etcdMachines()) {
		for _, location := range work[m.Name] {
			t.result(v1alpha1.TaskResult{Machine: m.Name, Subject: location, Outcome: v1alpha1.ResultSkipped, Message: notTried})
		}
		if _, ok := work[m.Name]; ok {
			t.status.Steps = append(t.status.Steps, v1alpha1.StepStatus{
				Machine: m.Name, Step: string(t.kind()), ID: t.id("work"), Outcome: v1alpha1.StepWaiting,
			})
		}
	}
	t.enter(v1alpha1.PhaseStarted, stageWork, taskLimit, "hands out the work")
}

// assign says which machine has to do with which copies, and what nobody can do.
func (t *tasking) assign() (work map[string][]string, missing []v1alpha1.TaskResult) {
	work = map[string][]string{}
	switch t.spec.Action {
	case v1alpha1.TaskTestTarget:
		return t.assignMachines("target")
	case v1alpha1.TaskSetScheduler:
		return t.assignMachines(subjectSchedule)
	}
	refuse := func(machine, subject, why string) {
		missing = append(missing, v1alpha1.TaskResult{Machine: word(machine, "-"), Subject: subject, Outcome: v1alpha1.ResultFailed, Message: why})
	}
	for _, name := range t.spec.Snapshots {
		s := t.snapshot(name)
		if s == nil {
			refuse("", name, "there is no such EtcdSnapshot")
			continue
		}
		for _, c := range s.Status.Copies {
			switch m, why := t.worker(c); {
			case why != "":
				refuse(c.Machine, c.Location, why)
			case m != nil:
				work[m.Name] = append(work[m.Name], c.Location)
			}
		}
	}
	return work, missing
}

func size(work map[string][]string) (n int) {
	for _, locations := range work {
		n += len(locations)
	}
	return n
}

// assignMachines gives the same work to all machines with etcd that were chosen.
func (t *tasking) assignMachines(subject string) (work map[string][]string, missing []v1alpha1.TaskResult) {
	work = map[string][]string{}
	for _, m := range t.etcdMachines() {
		switch {
		case !t.chosen(m.Name):
		case t.able(m) != "":
			missing = append(missing, v1alpha1.TaskResult{Machine: m.Name, Subject: subject, Outcome: v1alpha1.ResultFailed, Message: t.able(m)})
		default:
			work[m.Name] = nil
		}
	}
	return work, missing
}

// worker is the machine that has to do with a copy; nil when the copy is on a machine that was not chosen.
func (t *tasking) worker(c v1alpha1.SnapshotCopy) (*Machine, string) {
	if c.Machine != "" {
		m := t.machine(c.Machine)
		switch {
		case !t.chosen(c.Machine):
			return nil, ""
		case m == nil:
			return nil, "the machine was removed"
		}
		return m, t.able(m)
	}
	var best *Machine
	for _, m := range t.etcdMachines() {
		if t.chosen(m.Name) && t.able(m) == "" && (best == nil || best.leads()) {
			best = m
		}
	}
	if best == nil {
		return nil, "no machine with etcd answers that could reach the target"
	}
	return best, ""
}

func (t *tasking) chosen(machine string) bool {
	return len(t.spec.Machines) == 0 || slices.Contains(t.spec.Machines, machine)
}

// able says why a machine can't do anything; unlike a save, a task needs no healthy etcd.
func (t *tasking) able(m *Machine) string {
	switch {
	case !m.Alive:
		return m.silent()
	case m.Plan.Name == "":
		return "it has no MachinePlan: let it join again"
	}
	return m.unfinished()
}

func (t *tasking) kind() step.Kind {
	switch t.spec.Action {
	case v1alpha1.TaskVerify:
		return step.VerifySnapshot
	case v1alpha1.TaskDelete:
		return step.DeleteSnapshot
	case v1alpha1.TaskSetScheduler:
		return step.SetScheduler
	}
	return step.TestTarget
}

func (t *tasking) settings(locations []string) any {
	switch t.spec.Action {
	case v1alpha1.TaskVerify:
		return step.VerifySettings{Locations: locations, Level: v1alpha1.VerifyLevel(word(string(t.spec.Level), string(v1alpha1.VerifyRestore)))}
	case v1alpha1.TaskDelete:
		return step.DeleteSettings{Locations: locations}
	case v1alpha1.TaskSetScheduler:
		return step.SchedulerSettings{Scheduler: t.spec.Scheduler}
	}
	return step.TargetSettings{S3: t.spec.S3}
}

// locations that were assigned to a machine.
func (t *tasking) locations(m *Machine) []string {
	var list []string
	for _, r := range t.status.Results {
		if r.Machine == m.Name {
			list = append(list, r.Subject)
		}
	}
	return list
}

func (t *tasking) machines() []*Machine {
	var list []*Machine
	for _, r := range t.status.Steps {
		if m := t.machine(r.Machine); m != nil {
			list = append(list, m)
		}
	}
	return list
}

func (t *tasking) work() {
	if t.cancelled {
		t.fail(reasonCancelled, "cancelled; what was done by then is done")
		t.leave()
		return
	}
	if t.spec.Action == v1alpha1.TaskSetScheduler {
		t.turns()
		return
	}
	for _, m := range t.machines() {
		t.want(m, t.id("work"), t.kind(), t.settings(t.locations(m)))
	}
	sum := t.tally(t.machines(), t.id("work"))
	if len(sum.waiting) > 0 && !t.late() {
		t.say("%s: waits for %s", t.spec.Action, names(sum.waiting))
		return
	}
	for _, m := range sum.waiting {
		sum.failed = append(sum.failed, m.Name+": not done in "+about(taskLimit))
	}
	t.judge(sum.failed)
	t.leave()
}

func (t *tasking) judge(problems []string) {
	for _, r := range t.status.Results {
		if r.Outcome == v1alpha1.ResultFailed || r.Message == notTried {
			problems = append(problems, fmt.Sprintf("%s: %s: %s", r.Machine, r.Subject, r.Message))
		}
	}
	switch {
	case len(problems) > 0:
		t.fail("MachineFailed", strings.Join(problems, "; "))
	case len(t.status.Steps) == 0:
		t.fail("NothingToDo", "no machine has anything to do with it")
	}
}

func (t *tasking) leave() {
	t.enter(v1alpha1.PhaseStarted, stageClear, clearLimit, "takes the plans back")
}

func (t *tasking) finish() {
	var waiting []*Machine
	for _, m := range t.machines() {
		if !t.clear(m) {
			waiting = append(waiting, m)
		}
	}
	if len(waiting) > 0 && !t.late() {
		t.say("takes the plans back: waits for %s", names(waiting))
		return
	}
	t.end(fmt.Sprintf("%s: %d of %d passed", t.spec.Action, t.count(v1alpha1.ResultPassed), len(t.status.Results)))
}

func (t *tasking) count(outcome string) (n int) {
	for _, r := range t.status.Results {
		if r.Outcome == outcome {
			n++
		}
	}
	return n
}

// recordResults takes over what the machines found. They may say more while they go on.
func (t *tasking) recordResults() {
	for i := range t.Machines {
		m := &t.Machines[i]
		var found step.TaskEvidence
		if !t.mine(m) || !evidence(m, t.id("work"), &found) {
			continue
		}
		for _, r := range found.Results {
			r.Machine = m.Name
			t.result(r)
		}
	}
}

func (t *tasking) result(r v1alpha1.TaskResult) {
	r.Message = clip(r.Message, 4096)
	for i, old := range t.status.Results {
		if old.Machine == r.Machine && old.Subject == r.Subject {
			t.status.Results[i] = r
			return
		}
	}
	if len(t.status.Results) < maxResults {
		t.status.Results = append(t.status.Results, r)
	}
}
