package operation

import (
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// shape is how the clusters of a distribution are restored, at each point where distributions differ.
type shape struct {
	// restore and replace are the stages, in their order, of a restore of the cluster and of the replacement of a member.
	restore, replace func() []stage
	// alone: one restored machine serves, without waiting for others.
	alone bool
	// plan says what happens on each machine, and where the data comes from.
	plan func(d *draft, source v1alpha1.RestoreSource)
	// rejoins finds out who the machine is to be whose member is replaced; keeper says what it needs of the one that
	// lets it in.
	rejoins func(d *draft, m *Machine, p *v1alpha1.PlannedMachine)
	keeper  func(d *draft)
	// text explains what is particular about the plan; undoable says how long a replacement is taken back.
	text     func(d *draft) []string
	undoable string
	// remains lists the steps that machines may owe after the commit point; retry hands them out again, and tells whether
	// all of them have ended.
	remains func(r *restoring, id func(string) string) []remainder
	retry   func(r *restoring) bool
}

// shapeOf the clusters of a distribution.
func shapeOf(d v1alpha1.Distro) shape {
	switch d { //nolint:exhaustive // etcd and rke are restored alike
	case v1alpha1.DistroK3s, v1alpha1.DistroRKE2:
		return initNodeThenJoin()
	}
	return allMembers()
}

// stage is a row of the tables in restore.go.
type stage struct {
	phase v1alpha1.Phase
	name  string
	limit time.Duration
	// begin words what happens in it; "" when nothing does, so that it is passed over. It may write into the status what
	// the stage goes by.
	begin func(*restoring) string
	// work hands out what there is to do, and tells whether all of it is done.
	work func(*restoring) bool
	// commits words why its end is the commit point; nil where it is not.
	commits func(*restoring) string
}

func says(text string) func(*restoring) string { return func(*restoring) string { return text } }

// route is the stages of this restore.
func (r *restoring) route() []stage {
	if r.replaces() {
		return r.shape.replace()
	}
	return r.shape.restore()
}

// proceed works on the present stage, and leaves it when it is done.
func (r *restoring) proceed() {
	if r.status.Stage == stageRetry {
		r.retry()
		return
	}
	route := r.route()
	i := slices.IndexFunc(route, func(s stage) bool { return s.name == r.status.Stage })
	if i < 0 {
		r.give("UnknownStage", "this version knows no stage "+r.status.Stage)
		return
	}
	if !route[i].work(r) {
		return
	}
	if why := route[i].commits; why != nil {
		r.status.Committed = now(r.Now)
		r.event(false, "Committed", why(r)+": from here on nothing is taken back")
	}
	for _, next := range route[i+1:] {
		if doing := next.begin(r); doing != "" {
			r.enter(next.phase, next.name, next.limit, doing)
			return
		}
	}
	r.finish(r.id)
}

// allMembers restores every member from the same bytes, and starts all together.
func allMembers() shape {
	return shape{
		restore: func() []stage {
			return slices.Concat(gathering(), []stage{
				{v1alpha1.PhaseShutdown, stageFence, fenceLimit, says("keeps etcd from starting by itself"), (*restoring).fence, nil},
				{v1alpha1.PhaseShutdown, stageStop, stopLimit, says("stops etcd"), (*restoring).stop, nil},
				{v1alpha1.PhaseRestore, stageAside, asideLimit, says("moves the old data aside"), (*restoring).moveAside, nil},
				{v1alpha1.PhaseRestore, stageRebuild, rebuildLimit, says("makes the new data"), (*restoring).rebuild, nil},
				{v1alpha1.PhaseRestartCluster, stageStart, startLimit, says("starts etcd on all machines"), (*restoring).startAll, (*restoring).healthyWhere},
				{v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, says("records that the new data is the cluster's"), (*restoring).commit, nil},
			})
		},
		replace: func() []stage {
			return slices.Concat(emptying(), []stage{
				{v1alpha1.PhaseRestore, stageAdmit, admitLimit, (*restoring).admits, (*restoring).admit, nil},
				{v1alpha1.PhaseRestore, stageJoin, joinLimit, (*restoring).preparesToJoin, (*restoring).join, nil},
				{v1alpha1.PhaseRestartCluster, stageStart, startLimit, (*restoring).startsReplaced, (*restoring).startJoined, (*restoring).follows},
				{v1alpha1.PhaseRestartCluster, stagePromote, promoteLimit, (*restoring).promotes, (*restoring).promote, nil},
				{v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, says("records that the data is the cluster's"), (*restoring).commit, nil},
			})
		},
		plan: (*draft).allMembers, rejoins: (*draft).member, keeper: func(*draft) {}, text: (*draft).membersText,
		undoable: "It gets no vote before it has caught up, and up to then a failure brings back what was there.",
		remains:  (*restoring).membersRemain, retry: (*restoring).retryMembers,
	}
}

// gathering are the first stages of a restore: the cluster goes on serving.
func gathering() []stage {
	return []stage{
		{v1alpha1.PhaseStarted, stagePreflight, preflightLimit, says("checks all machines once more"), (*restoring).preflightAgain, nil},
		{v1alpha1.PhaseStarted, stageSafety, safetyLimit, (*restoring).beginSafety, (*restoring).safety, nil},
		{v1alpha1.PhaseStarted, stageServe, serveLimit, (*restoring).beginServe, (*restoring).serve, nil},
		{v1alpha1.PhaseStarted, stageFetch, fetchLimit, says("brings the snapshot to all machines"), (*restoring).fetch, nil},
	}
}

// emptying are the first stages of a replacement: what the lost member left is taken out of the way.
func emptying() []stage {
	return []stage{
		{v1alpha1.PhaseStarted, stagePreflight, preflightLimit, says("checks all machines once more"), (*restoring).preflightAgain, nil},
		{v1alpha1.PhaseShutdown, stageFence, fenceLimit, (*restoring).fencesReplaced, (*restoring).fence, nil},
		{v1alpha1.PhaseShutdown, stageStop, stopLimit, says("stops etcd"), (*restoring).stop, nil},
		{v1alpha1.PhaseRestore, stageAside, asideLimit, says("moves the old data aside"), (*restoring).moveAside, nil},
	}
}

// initNodeThenJoin restores one machine, the init machine, and has the others join it.
func initNodeThenJoin() shape {
	return shape{
		restore: func() []stage {
			return slices.Concat(gathering(), []stage{
				{v1alpha1.PhaseShutdown, stageFence, fenceLimit, says("keeps the servers from starting by themselves"), (*restoring).fence, nil},
				{v1alpha1.PhaseShutdown, stageStop, stopLimit, says("stops all machines"), (*restoring).stop, nil},
				{v1alpha1.PhaseRestore, stageAside, asideLimit, says("moves the old data aside"), (*restoring).moveAside, nil},
				{v1alpha1.PhaseRestore, stageConfigure, configureLimit, says("prepares all machines for the restored cluster"), (*restoring).configure, nil},
				{v1alpha1.PhaseRestore, stageRebuild, rebuildLimit, (*restoring).rebuildsInit, (*restoring).rebuild, nil},
				{v1alpha1.PhaseRestartCluster, stageStart, startLimit, (*restoring).startsInit, (*restoring).startInit, (*restoring).servesWhere},
				{v1alpha1.PhaseRestartCluster, stageRejoin, rejoinLimit, says("brings the other machines back"), (*restoring).rejoin, nil},
				{v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, says("records that the new data is the cluster's"), (*restoring).commitAll, nil},
			})
		},
		replace: func() []stage {
			return slices.Concat(emptying(), []stage{
				{v1alpha1.PhaseRestore, stageAdmit, admitLimit, (*restoring).removes, (*restoring).remove, nil},
				{v1alpha1.PhaseRestore, stageConfigure, configureLimit, (*restoring).preparesToJoin, (*restoring).configure, (*restoring).mayVote},
				{v1alpha1.PhaseRestartCluster, stageRejoin, rejoinLimit, (*restoring).startsReplaced, (*restoring).rejoin, nil},
				{v1alpha1.PhaseRestartCluster, stageCommit, commitLimit, says("records that the data is the cluster's"), (*restoring).commitAll, nil},
			})
		},
		alone: true,
		plan:  (*draft).initNodeThenJoin, rejoins: func(*draft, *Machine, *v1alpha1.PlannedMachine) {}, keeper: (*draft).likeOthers, text: (*draft).initText,
		undoable: "Until it starts with no data of its own a failure brings back what was there; it then joins by itself, and gets its vote once it has caught up.",
		remains:  (*restoring).turnsRemain, retry: (*restoring).retryTurns,
	}
}
