package operation

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// bump of the revision: clients of a plain etcd may have seen newer revisions than the snapshot's, and must not see
// their numbers used again for other content.
const bump = 1_000_000_000

// every asks for a step on each of some machines, and tells whether all have done it. A failure turns the restore back.
func (r *restoring) every(machines []*Machine, id string, kind step.Kind, doing string, settings func(*Machine) any) bool {
	if err := r.lost(); err != nil {
		r.give("MachineFailed", err.Error())
		return false
	}
	for _, m := range machines {
		r.want(m, id, kind, settings(m))
	}
	switch t := r.tally(machines, id); {
	case len(t.failed) > 0:
		r.give("StepFailed", string(kind)+" failed: "+strings.Join(t.failed, "; "))
	case len(t.waiting) > 0 && r.late():
		r.give("DeadlineExceeded", fmt.Sprintf("%s was not done in time on %s", kind, names(t.waiting)))
	case len(t.waiting) > 0:
		r.say("%s: waits for %s", doing, names(t.waiting))
	default:
		return true
	}
	return false
}

func none(*Machine) any { return nil }

// preflightAgain repeats the checks now that nobody else can change anything.
func (r *restoring) preflightAgain() {
	id := r.id("check")
	if !r.every(r.asked(), id, step.Preflight, "checks all machines once more", r.preflightSettings) {
		return
	}
	if bad := r.failedChecks(); bad != "" {
		r.give("PreflightFailed", "a check failed: "+bad)
		return
	}
	if r.replaces() {
		r.enter(v1alpha1.PhaseShutdown, stageFence, fenceLimit, "keeps etcd on "+r.status.Plan.Replace+" from starting by itself")
		return
	}
	r.enterSafety()
}

// enterSafety chooses who takes the safety snapshot. A survivor's is what the others are restored from.
func (r *restoring) enterSafety() {
	taker := r.machine(r.status.Plan.Survivor)
	if taker == nil && (r.spec.SafetySnapshot == nil || *r.spec.SafetySnapshot) {
		for _, m := range r.all() {
			if m.unready() == "" && (taker == nil || taker.leads()) {
				taker = m
			}
		}
	}
	if taker == nil {
		message := "no healthy member could give one"
		if r.spec.SafetySnapshot != nil && !*r.spec.SafetySnapshot {
			message = "switched off"
		}
		r.check("SafetySnapshot", "-", checkWarning, "none is taken: "+message)
		r.enterServe()
		return
	}
	r.status.Steps = append(r.status.Steps, v1alpha1.StepStatus{
		Machine: taker.Name, Step: string(step.SaveSnapshot), ID: r.id("safety"), Outcome: v1alpha1.StepWaiting,
	})
	r.enter(v1alpha1.PhaseStarted, stageSafety, safetyLimit, "takes a safety snapshot on "+taker.Name)
}

// taker of the safety snapshot; nil when there is none.
func (r *restoring) taker() []*Machine {
	for _, s := range r.status.Steps {
		if s.ID == r.id("safety") {
			if m := r.machine(s.Machine); m != nil {
				return []*Machine{m}
			}
		}
	}
	return nil
}

func (r *restoring) safety() {
	set := step.SaveSettings{
		Base: snapshot.NameSafety, Trigger: string(snapshot.TriggerSafety), Verify: v1alpha1.VerifyContent,
		Backup: fmt.Sprintf("%s-%d", snapshot.NameSafety, r.status.Started.Unix()),
		// The copy in S3 can wait: etcd has been asked to stop, and the local one is moved by nothing.
		S3: false, Salvage: r.status.Plan.Survivor != "",
	}
	if !r.every(r.taker(), r.id("safety"), step.SaveSnapshot, "takes a safety snapshot", func(*Machine) any { return set }) {
		return
	}
	if e := r.saved(); e != nil {
		r.status.SafetySnapshot = v1alpha1.SnapshotObjectName(e.File)
	} else if r.status.Plan.Survivor != "" {
		r.give("StepFailed", "the survivor says nothing of the snapshot that it took")
		return
	}
	r.enterServe()
}

// saved is the safety snapshot's local copy.
func (r *restoring) saved() *v1alpha1.SnapshotFile {
	var e step.SaveEvidence
	for _, m := range r.taker() {
		if evidence(m, r.id("safety"), &e) && len(e.Files) > 0 {
			return &e.Files[0]
		}
	}
	return nil
}

// copy that all machines restore from.
func (r *restoring) copy() step.Copy {
	if s := r.status.Plan.Snapshot; s != nil {
		return step.Copy{Location: s.Location, Machine: s.Machine, SHA256: s.SHA256, Size: s.Size}
	}
	if f := r.saved(); f != nil {
		return step.Copy{Location: f.Location, Machine: r.status.Plan.Survivor, SHA256: f.SHA256, Size: f.Size}
	}
	return step.Copy{Machine: r.status.Plan.Survivor}
}

// fetchers are the machines that can't read the copy from their own disk.
func (r *restoring) fetchers() []string {
	var list []string
	for _, m := range r.restored() {
		if m.Name != r.copy().Machine {
			list = append(list, m.Name)
		}
	}
	return list
}

func (r *restoring) enterServe() {
	if r.copyMachine() == "" || len(r.fetchers()) == 0 {
		r.enter(v1alpha1.PhaseStarted, stageFetch, fetchLimit, "brings the snapshot to all machines")
		return
	}
	r.enter(v1alpha1.PhaseStarted, stageServe, serveLimit, "offers the snapshot to the others")
}

func (r *restoring) copyMachine() string {
	if r.status.Plan.Snapshot != nil {
		return r.status.Plan.Snapshot.Machine
	}
	return r.status.Plan.Survivor
}

func (r *restoring) serve() {
	set := step.ServeSettings{Copy: r.copy(), Machines: r.fetchers()}
	holder := r.machine(set.Copy.Machine)
	if holder == nil {
		r.give("MachineFailed", "machine "+set.Copy.Machine+", which holds the snapshot, was removed")
		return
	}
	if r.every([]*Machine{holder}, r.id("serve"), step.ServeSnapshot, "offers the snapshot", func(*Machine) any { return set }) {
		r.enter(v1alpha1.PhaseStarted, stageFetch, fetchLimit, "brings the snapshot to all machines")
	}
}

func (r *restoring) fetch() {
	var offer step.ServeEvidence
	if holder := r.machine(r.copy().Machine); holder != nil {
		evidence(holder, r.id("serve"), &offer)
	}
	done := r.every(r.restored(), r.id("fetch"), step.FetchSnapshot, "brings the snapshot to all machines", func(m *Machine) any {
		set := step.FetchSettings{Copy: r.copy()}
		if m.Name != set.Copy.Machine {
			set.URLs = offer.URLs
		}
		return set
	})
	if !done {
		return
	}
	if err := r.same(); err != nil {
		r.give("NotTheSame", err.Error())
		return
	}
	r.enter(v1alpha1.PhaseShutdown, stageFence, fenceLimit, "keeps etcd from starting by itself")
}

// same tells whether all machines hold the same bytes, and those of the plan.
func (r *restoring) same() error {
	var first *step.FetchEvidence
	for _, m := range r.restored() {
		var e step.FetchEvidence
		switch want := r.copy().SHA256; {
		case !evidence(m, r.id("fetch"), &e):
			return fmt.Errorf("machine %s does not say what it fetched", m.Name)
		case want != "" && e.SHA256 != want:
			return fmt.Errorf("machine %s holds other bytes than planned: SHA-256 %s, not %s", m.Name, e.SHA256, want)
		case first == nil:
			first = &e
		case e != *first:
			return fmt.Errorf("machine %s holds another snapshot than the others", m.Name)
		}
	}
	return nil
}

func (r *restoring) fence() {
	if r.every(r.all(), r.id("fence"), step.Fence, "keeps etcd from starting by itself", none) {
		r.enter(v1alpha1.PhaseShutdown, stageStop, stopLimit, "stops etcd")
	}
}

func (r *restoring) stop() {
	if r.every(r.all(), r.id("stop"), step.StopDistro, "stops etcd", none) {
		r.enter(v1alpha1.PhaseRestore, stageAside, asideLimit, "moves the old data aside")
	}
}

func (r *restoring) moveAside() {
	if !r.every(r.all(), r.id("aside"), step.MoveAside, "moves the old data aside", none) {
		return
	}
	if r.replaces() {
		r.enter(v1alpha1.PhaseRestore, stageAdmit, admitLimit, "has "+r.status.Plan.InitMachine+" take "+r.status.Plan.Replace+" in")
	} else {
		r.enter(v1alpha1.PhaseRestore, stageRebuild, rebuildLimit, "makes the new data")
	}
}

// rebuild gives all machines the same database and membership.
func (r *restoring) rebuild() {
	if !r.every(r.restored(), r.id("restore"), step.RestoreEtcd, "makes the new data", r.restoreSettings) {
		return
	}
	if _, err := r.rebuilt(); err != nil {
		r.give("NotTheSame", err.Error())
		return
	}
	r.enter(v1alpha1.PhaseRestartCluster, stageStart, startLimit, "starts etcd on all machines")
}

func (r *restoring) restoreSettings(m *Machine) any {
	set := step.RestoreSettings{InitialClusterToken: fmt.Sprintf("%s-%d-%s", r.Cluster.Status.ID, r.status.Plan.RestoreEpoch, r.id("r"))}
	if d := r.Cluster.Spec.Distro; d == v1alpha1.DistroEtcd || d == v1alpha1.DistroRKE {
		set.BumpRevision = bump
	}
	var members []string
	for _, p := range r.status.Plan.Machines {
		if p.Action != v1alpha1.ActionRestore {
			continue
		}
		for _, url := range p.PeerURLs {
			members = append(members, p.Member+"="+url)
		}
		if p.Machine == m.Name {
			set.Member, set.PeerURLs = p.Member, p.PeerURLs
		}
	}
	set.InitialCluster = strings.Join(members, ",")
	return set
}

// rebuilt is what all machines restored, if it is the same.
func (r *restoring) rebuilt() (*step.RestoreEvidence, error) {
	var first *step.RestoreEvidence
	for _, m := range r.restored() {
		var e step.RestoreEvidence
		switch {
		case !evidence(m, r.id("restore"), &e):
			return nil, fmt.Errorf("machine %s does not say what it restored", m.Name)
		case first == nil:
			first = &e
		case e.Revision != first.Revision || e.ContentHash != first.ContentHash || e.ClusterID != first.ClusterID:
			return nil, fmt.Errorf("machine %s restored something else than the others", m.Name)
		}
	}
	return first, nil
}

func (r *restoring) healthySettings(*Machine) any {
	if a := r.status.Admitted; a != nil {
		return step.HealthySettings{ClusterID: a.ClusterID, MemberID: a.MemberID}
	}
	set := step.HealthySettings{}
	if made, err := r.rebuilt(); err == nil && made != nil {
		set.Revision = made.Revision
	}
	for _, p := range r.status.Plan.Machines {
		if p.Action == v1alpha1.ActionRestore {
			set.Members = append(set.Members, p.Member)
		}
	}
	return set
}

// startAll starts all members together: one alone would wait for a majority. The majority that is healthy is the commit
// point.
func (r *restoring) startAll() {
	if err := r.lost(); err != nil {
		r.give("MachineFailed", err.Error())
		return
	}
	machines := r.restored()
	for _, m := range machines {
		r.wantStart(m)
	}
	t, needed := r.tally(machines, r.id("healthy")), len(machines)/2+1
	started := r.tally(machines, r.id("start"))
	bad := append(started.failed, t.failed...)
	switch {
	case len(t.done) >= needed:
		r.status.Committed = now(r.Now)
		r.event(false, "Committed", "the new data is healthy on "+names(t.done)+": from here on nothing is taken back")
		r.enter(v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, "records that the new data is the cluster's")
	case r.hopeless(machines, needed):
		r.give("StepFailed", "the restored cluster did not become healthy: "+strings.Join(bad, "; "))
	case r.late():
		r.give("DeadlineExceeded", "the restored cluster did not become healthy in "+about(startLimit)+": waits for "+names(t.waiting))
	default:
		r.say("starts etcd: healthy on %d of %d, %d are needed; waits for %s", len(t.done), len(machines), needed, names(t.waiting))
	}
}

func (r *restoring) wantStart(m *Machine) {
	r.want(m, r.id("start"), step.StartDistro, nil)
	r.want(m, r.id("healthy"), step.WaitHealthy, r.healthySettings(m))
}

// hopeless tells whether too many have failed for a majority.
func (r *restoring) hopeless(machines []*Machine, needed int) bool {
	able := 0
	for _, m := range machines {
		start, _ := r.outcome(m, r.id("start"))
		healthy, _ := r.outcome(m, r.id("healthy"))
		if start != v1alpha1.StepFailed && healthy != v1alpha1.StepFailed {
			able++
		}
	}
	return able < needed
}

// commit records the epoch on all machines, also on those that are not healthy yet: what they hold is the new data.
func (r *restoring) commit() {
	for _, m := range r.restored() {
		r.wantStart(m) // a majority may have been healthy before this one was asked
	}
	for _, m := range r.all() {
		r.skipFailed(m)
		r.want(m, r.id("commit"), step.Commit, step.CommitSettings{Epoch: r.status.Plan.RestoreEpoch})
	}
	t := r.tally(r.all(), r.id("commit"))
	if len(t.waiting) > 0 && !r.late() {
		r.say("records that the new data is the cluster's: waits for %s", names(t.waiting))
		return
	}
	r.finish(r.id)
}

// skipFailed takes steps that failed out of a machine's plan, since nothing after them is done.
func (r *restoring) skipFailed(m *Machine) {
	if !r.mine(m) {
		return
	}
	p := r.course.plan(m)
	var keep []v1alpha1.PlanStep
	for _, s := range p.Steps {
		if row := r.row(m.Name, s.ID); row == nil || row.Outcome != v1alpha1.StepFailed {
			keep = append(keep, s)
		}
	}
	if len(keep) != len(p.Steps) {
		p.Steps = keep
		r.put(m, p)
	}
}

// finish looks at what remains after the commit point. id makes the ids of the steps of this attempt.
func (r *restoring) finish(id func(string) string) {
	r.status.RemainingSteps = nil
	var bad []string
	look := func(machines []*Machine, id string) {
		t := r.tally(machines, id)
		bad = append(bad, t.failed...)
		for _, m := range t.waiting {
			bad = append(bad, m.Name+": not done in time")
		}
		if len(t.failed)+len(t.waiting) > 0 {
			r.status.RemainingSteps = append(r.status.RemainingSteps, id)
		}
	}
	if r.replaces() {
		look(r.admitter(), id("promote"))
	}
	look(r.restored(), id("healthy"))
	look(r.all(), id("commit"))
	if len(bad) > 0 {
		r.fail("StepsRemain", "the new data is kept, but: "+strings.Join(bad, "; "))
	}
	r.enter(v1alpha1.PhaseRestartCluster, stageClear, clearLimit, "puts the machines back on their normal plan")
}

// retry hands the remaining steps out again, with ids that follow from the one that was asked for.
func (r *restoring) retry() {
	if r.late() {
		r.finish(r.attempt)
		return
	}
	if !r.held() {
		return
	}
	if r.replaces() && !r.promoted(r.attempt) {
		return
	}
	healthy, commit := r.attempt("healthy"), r.attempt("commit")
	for _, m := range r.restored() {
		set := r.healthySettings(m).(step.HealthySettings)
		set.Revision = 0
		r.skipFailed(m)
		r.want(m, healthy, step.WaitHealthy, set)
	}
	for _, m := range r.all() {
		r.skipFailed(m)
		r.want(m, commit, step.Commit, step.CommitSettings{Epoch: r.status.Plan.RestoreEpoch})
	}
	if t := r.tally(r.all(), commit); len(t.waiting) > 0 {
		r.say("tries the remaining steps again: waits for %s", names(t.waiting))
		return
	}
	r.finish(r.attempt)
}

// attempt is the id of a step in the attempt after the one that retryFrom names.
func (r *restoring) attempt(name string) string {
	n := 0
	if _, text, ok := strings.Cut(r.spec.RetryFrom, "-retry-"); ok {
		_, _ = fmt.Sscanf(text, "%d", &n)
	}
	return fmt.Sprintf("%s-retry-%d", r.id(name), n+1)
}
