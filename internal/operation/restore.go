package operation

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// How a restore goes:
//
//	phase           stage       what happens                                              leaves when
//	Pending         Plan        finds out what it would do; Preflight on all machines,    the plan is approved;
//	                            which yields to whoever has the cluster, and again        1 day: cancelled
//	                            after a while, or when asked, if they refuse
//	Pending         Lock        waits for the cluster's lock                              it has it; 1 h: failed
//	Started         Preflight   the checks again                                          all passed; 15 min
//	Started         Safety      SaveSnapshot on one healthy machine, or the survivor      it is stored; 1 h
//	Started         Serve       ServeSnapshot on the machine that holds it                it is offered; 30 min
//	Started         Fetch       FetchSnapshot on all that are restored                    all hold the same; 2 h
//	Shutdown        Fence       Fence on all                                              all have it; 10 min
//	Shutdown        Stop        StopDistro on all                                         all have stopped; 15 min
//	Restore         MoveAside   MoveAside on all                                          all have; 15 min
//
// Where every member is restored (etcd, rke), it goes on so:
//
//	Restore         Rebuild     RestoreEtcd on all                                        all have the same; 1 h
//	RestartCluster  Start       StartDistro and WaitHealthy on all                        a majority is healthy; 15 min
//	  ---- the commit point: from here on nothing is taken back ----
//	RestartCluster  Commit      Commit, with the new epoch                                all have it; 30 min
//	RestartCluster  Clear       the plans are cleared                                     they have seen it; 3 min
//	Finished
//
// Where one machine is restored and the others join it (k3s, rke2), "all" are those with etcd or a control plane. Workers
// are stopped and configured, too, but nothing waits for them before their turn to rejoin, and none is fenced:
//
//	Restore         Configure   InstallDistro, WriteConfig, PointServer where needed      all are; 30 min
//	Restore         Rebuild     RestoreEtcd on the init machine                           it is done; 1 h
//	RestartCluster  Start       StartDistro and WaitHealthy on the init machine; where    it serves; 15 min
//	                            that is for etcd alone, then on a control plane as well
//	  ---- the commit point ----
//	RestartCluster  Rejoin      the same on the others with etcd, one by one; on the      all have ended; 15 min for
//	                            control planes; on the workers                            each of these turns
//	RestartCluster  Commit      Commit, with the new epoch                                all have it; 15 min
//	RestartCluster  Clear       as above
//	Finished
//
// A failure, a deadline or a cancellation before the commit point leads to:
//
//	(as it was)     RollBack    all machines that got a plan undo it                      all have; 30 min
//	(as it was)     Clear       the plans of those that did are cleared                   they have seen it; 3 min
//	Failed, Cancelled
//
// With onFailure hold a failure after Started leads to Failed at once, with all plans left standing; a cancellation then
// rolls back. After the commit point a failure leads to Clear and Failed, with remaining steps; retryFrom leads back:
//
//	RestartCluster  Retry       the remaining steps, with new ids                         all have ended; 30 min, or
//	                                                                                      as long as Rejoin and Commit
//
// A restore that replaces one member leaves the others alone. It has neither Safety nor Serve and Fetch, and after
// MoveAside, on that machine only, it goes on so:
//
//	Restore         Admit       AdmitMember on a healthy machine: without a vote          it is; 30 min
//	Restore         Join        JoinEtcd on the machine                                   it is done; 15 min
//	RestartCluster  Start       StartDistro and WaitHealthy: it follows the leader        it does; 15 min
//	  ---- the commit point: the member may have a vote from here on ----
//	RestartCluster  Promote     PromoteMember on the healthy machine                      it has caught up; 2 h
//	RestartCluster  Commit      as above
//
// Where machines join by themselves and are given a vote by nobody's leave (k3s, rke2):
//
//	Restore         Admit       AdmitMember on a healthy machine: the lost one is removed it is; 30 min
//	Restore         Configure   PointServer on the machine, if it has joined another one  it is done; 30 min
//	  ---- the commit point: the member may have a vote from here on ----
//	RestartCluster  Rejoin      StartDistro and WaitHealthy on the machine                it serves; 15 min
//	RestartCluster  Commit      as above
const (
	stagePlan      = "Plan"
	stageLock      = "Lock"
	stagePreflight = "Preflight"
	stageSafety    = "Safety"
	stageServe     = "Serve"
	stageFetch     = "Fetch"
	stageFence     = "Fence"
	stageStop      = "Stop"
	stageAside     = "MoveAside"
	stageConfigure = "Configure"
	stageRebuild   = "Rebuild"
	stageAdmit     = "Admit"
	stageJoin      = "Join"
	stageStart     = "Start"
	stagePromote   = "Promote"
	stageRejoin    = "Rejoin"
	stageCommit    = "Commit"
	stageRetry     = "Retry"
	stageRollBack  = "RollBack"
)

const (
	planLimit      = 24 * time.Hour
	preflightLimit = 15 * time.Minute
	safetyLimit    = time.Hour
	serveLimit     = 30 * time.Minute
	fetchLimit     = 2 * time.Hour
	fenceLimit     = 10 * time.Minute
	stopLimit      = 15 * time.Minute
	asideLimit     = 15 * time.Minute
	configureLimit = 30 * time.Minute
	rebuildLimit   = time.Hour
	admitLimit     = 30 * time.Minute
	joinLimit      = 15 * time.Minute
	startLimit     = 15 * time.Minute
	promoteLimit   = 2 * time.Hour
	rejoinLimit    = 15 * time.Minute // for each machine, or all workers together
	commitLimit    = 30 * time.Minute
	rollBackLimit  = 30 * time.Minute
)

// DecideRestore decides how a restore goes on. The object is not changed.
func DecideRestore(restore *v1alpha1.EtcdSnapshotRestore, seen *Observed) (v1alpha1.EtcdSnapshotRestoreStatus, Decision) {
	status := *restore.Status.DeepCopy()
	r := &restoring{
		course: newCourse(seen, "EtcdSnapshotRestore", &restore.ObjectMeta, &status.OperationStatus),
		spec:   &restore.Spec, status: &status, shape: shapeOf(seen.Cluster.Spec.Distro),
	}
	if r.op.SecretName = restore.Spec.SecretName; r.op.SecretName != "" {
		r.op.Escrow = r.escrow()
	}
	// Past the commit point a retry says more than a cancellation that can't be taken out of spec again. One that asked for
	// another plan, by the digest of the refused one, was long before.
	retried := r.committed() && restore.Spec.RetryFrom != "" && !strings.HasPrefix(restore.Spec.RetryFrom, digestPrefix)
	r.cancelled = restore.Spec.Cancel && !retried || !restore.DeletionTimestamp.IsZero()
	r.decide()
	if r.committed() && seen.Cluster.Status.RestoreEpoch < status.Plan.RestoreEpoch {
		r.Epoch, r.Becomes = status.Plan.RestoreEpoch, r.becomes()
	}
	return status, r.close(!equality.Semantic.DeepEqual(status, restore.Status))
}

type restoring struct {
	*course
	spec      *v1alpha1.EtcdSnapshotRestoreSpec
	status    *v1alpha1.EtcdSnapshotRestoreStatus
	shape     shape
	cancelled bool
}

func (r *restoring) committed() bool { return r.status.Committed != nil }

func (r *restoring) decide() {
	if r.status.Phase.Ended() {
		if !r.reopen() {
			r.release()
			r.unkeep()
		}
		return
	}
	r.record()
	r.recordPreflight()
	if r.cancelled && r.cancel() {
		return
	}
	switch r.status.Stage {
	case "":
		r.enter(v1alpha1.PhasePending, stagePlan, planLimit, "finds out what the restore would do")
	case stagePlan:
		r.prepare()
	case stageLock:
		r.lock()
	case stageRollBack:
		r.rollBack()
	case stageClear:
		r.clearAll()
	default:
		r.proceed()
	}
}

// cancel turns round, and tells whether it did. What is past the commit point is not taken back.
func (r *restoring) cancel() bool {
	switch {
	case r.status.Stage == stageRollBack || r.status.Stage == stageClear:
		return false
	case r.status.Phase == "" || r.status.Phase == v1alpha1.PhasePending:
		r.fail(reasonCancelled, "cancelled before anything was touched")
		r.enter(v1alpha1.PhasePending, stageClear, clearLimit, "takes the plans back")
	case r.committed():
		r.fail("CancelledLate", "cancelled after the commit point: the new data is kept")
		if r.status.Stage == stageRetry {
			r.finish(r.attempt)
		} else {
			r.finish(r.id)
		}
	default:
		r.fail(reasonCancelled, "cancelled")
		r.turnBack()
	}
	return true
}

// give gives up before the commit point.
func (r *restoring) give(reason, message string) {
	r.fail(reason, message)
	if r.spec.OnFailure == v1alpha1.FailureHold && r.touched() {
		r.status.Outcome = v1alpha1.OutcomeHeld
		r.end("everything is left as it is, as onFailure asks for: set cancel to bring the old state back")
		return
	}
	r.turnBack()
}

func (r *restoring) turnBack() {
	r.enter(r.status.Phase, stageRollBack, rollBackLimit, "takes everything back: "+r.failure().Message)
}

// touched tells whether a step was handed out that changes a machine.
func (r *restoring) touched() bool {
	return slices.ContainsFunc(r.status.Steps, func(s v1alpha1.StepStatus) bool { return changes(s.Step) })
}

// reopen goes on with a restore that has ended: one that is held is taken back when it is cancelled, and one of which steps
// remain after its commit point is retried.
func (r *restoring) reopen() bool {
	switch {
	case r.status.Outcome == v1alpha1.OutcomeHeld && r.cancelled && r.holds():
		r.again()
		r.fail(reasonCancelled, "cancelled after it had failed")
		r.enter(r.lastPhase(), stageRollBack, rollBackLimit, "takes everything back")
	case (r.status.Outcome == v1alpha1.OutcomeKeptNew || r.newest()) && !r.cancelled && slices.Contains(r.status.RemainingSteps, r.spec.RetryFrom):
		r.again()
		r.enter(v1alpha1.PhaseRestartCluster, stageRetry, commitLimit, "tries the remaining steps again")
	default:
		return false
	}
	return true
}

// newest tells whether the restore made the cluster what it is. One that ended well is over once another has done so.
func (r *restoring) newest() bool {
	return r.status.Outcome == v1alpha1.OutcomeRestored && r.status.Plan.RestoreEpoch == r.Cluster.Status.RestoreEpoch
}

func (r *restoring) again() {
	meta.RemoveStatusCondition(&r.status.Conditions, v1alpha1.OperationSucceeded)
	meta.RemoveStatusCondition(&r.status.Conditions, conditionTakenBack)
	r.status.Ended, r.status.Outcome = nil, ""
}

// holds tells whether any machine still has this restore's plan.
func (r *restoring) holds() bool {
	for i := range r.Machines {
		if r.mine(&r.Machines[i]) {
			return true
		}
	}
	return false
}

// lastPhase that the restore was in, by what it did last.
func (r *restoring) lastPhase() v1alpha1.Phase {
	phase := v1alpha1.PhaseStarted
	for _, s := range r.status.Steps {
		switch s.Step {
		case "Fence", "StopDistro":
			phase = v1alpha1.PhaseShutdown
		case "MoveAside", "RestoreEtcd", "AdmitMember", "JoinEtcd", "InstallDistro", "WriteConfig", "PointServer":
			phase = v1alpha1.PhaseRestore
		case "StartDistro", "WaitHealthy", "PromoteMember":
			phase = v1alpha1.PhaseRestartCluster
		}
	}
	return phase
}

// held tells whether the restore has the cluster. One that goes on after its end has to get it anew.
func (r *restoring) held() bool {
	switch {
	case r.Holder == nil:
		r.Lock = LockTake
		return false
	case r.Holder.UID != r.op.UID:
		r.say("waits for %s %s, which has the cluster", r.Holder.Kind, r.Holder.Name)
		return false
	}
	return true
}

func now(t time.Time) *metav1.Time {
	v := metav1.NewTime(t.Truncate(time.Second))
	return &v
}
