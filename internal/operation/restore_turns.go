package operation

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// turn is a group of machines that come back, or commit, together after the commit point. Turns follow one another, each
// with a deadline of its own: what one machine can't do keeps none after it waiting for longer.
type turn struct {
	machines []*Machine
	doing    string
	// last is the step that ends it on a machine, as long as none of the others that it asks for fails.
	last ask
	// before are the steps that come first; start is the one that nothing goes on without.
	before []ask
	start  ask
}

// rejoins are the turns of all machines that are not back yet: members one by one, since etcd takes in one at a time and a
// machine with a vote that does not run weighs on the others; then control planes, which need them; then workers.
func (r *restoring) rejoins(id func(string) string) []turn {
	back := func(m *Machine) bool { return r.did(m, "healthy") }
	var turns []turn
	add := func(machines []*Machine, doing string) {
		machines = filter(machines, func(m *Machine) bool { return !back(m) })
		turns = append(turns, turn{
			machines: machines, doing: doing, before: r.stillConfiguring(machines, id),
			start: ask{machines, id("start"), step.StartDistro, none},
			last:  ask{machines, id("healthy"), step.WaitHealthy, r.servingSettings},
		})
	}
	turns = append(turns, r.forgetting(id))
	for _, m := range r.planned(v1alpha1.ActionRejoin) {
		add([]*Machine{m}, "brings "+m.Name+" back")
	}
	restarts := r.planned(v1alpha1.ActionRestart)
	add(filter(restarts, func(m *Machine) bool { return !r.isWorker(m) }), "brings the control planes back")
	add(filter(restarts, func(m *Machine) bool { return r.isWorker(m) && r.present(m) }), "brings the workers back")
	return turns
}

// forgetting comes first: machines that were set up anew since the snapshot would not be let in. It changes nothing for those
// that were not.
func (r *restoring) forgetting(id func(string) string) turn {
	var nodes []string
	for _, m := range r.planned(v1alpha1.ActionRejoin, v1alpha1.ActionRestart) {
		if d := m.Status.Distribution; d != nil && d.NodeName != "" && !d.Agentless {
			nodes = append(nodes, d.NodeName)
		}
	}
	holders := r.makers()
	if fronts := r.fronts(); len(fronts) > 0 {
		holders = fronts
	}
	if r.replaces() {
		holders = r.admitter()
	}
	holders = filter(holders, func(m *Machine) bool { return len(nodes) > 0 && !r.did(m, "forget") })
	set := step.ForgetSettings{Nodes: nodes}
	last := ask{holders, id("forget"), step.ForgetNodes, func(*Machine) any { return set }}
	return turn{machines: holders, doing: "lets machines in that were set up anew", start: last, last: last}
}

// stillConfiguring are the steps that workers have not done before the commit point: they were not waited for.
func (r *restoring) stillConfiguring(machines []*Machine, id func(string) string) []ask {
	var asks []ask
	for _, a := range append([]ask{{machines, id("stop"), step.StopDistro, none}, {r.configured(machines), id("aside"), step.MoveAside, none}}, r.configuring(id)...) {
		name := strings.TrimSuffix(a.id, strings.TrimPrefix(id("x"), "x"))
		a.machines = filter(a.machines, func(m *Machine) bool { return r.isWorker(m) && named(machines, m) && !r.did(m, name) })
		asks = append(asks, a)
	}
	return asks
}

// recording is the last turn: the epoch, on all that take part.
func (r *restoring) recording(id func(string) string) turn {
	machines := filter(append(r.servers(), filter(r.workers(), r.present)...), func(m *Machine) bool { return !r.did(m, "commit") })
	set := step.CommitSettings{Epoch: r.status.Plan.RestoreEpoch}
	last := ask{machines, id("commit"), step.Commit, func(*Machine) any { return set }}
	return turn{machines: machines, doing: "records that the new data is the cluster's", start: last, last: last}
}

// did tells whether a machine has done a step, in whatever attempt.
func (r *restoring) did(m *Machine, name string) bool {
	for _, s := range r.status.Steps {
		if s.Machine == m.Name && s.Outcome == v1alpha1.StepDone && (s.ID == r.id(name) || strings.HasPrefix(s.ID, r.id(name)+"-retry-")) {
			return true
		}
	}
	return false
}

// take works on the turns, and tells whether all are over. The last one with a row for its first step is under way.
func (r *restoring) take(turns []turn) bool {
	turns = slices.DeleteFunc(turns, func(t turn) bool { return len(t.machines) == 0 })
	at := -1
	for i, t := range turns {
		for _, m := range t.machines {
			if r.row(m.Name, t.start.id) != nil {
				at = i
			}
		}
	}
	if at >= 0 && r.underWay(turns[at]) {
		return false
	}
	if at+1 == len(turns) {
		return true
	}
	next := turns[at+1]
	for _, m := range next.machines {
		r.status.Steps = append(r.status.Steps, v1alpha1.StepStatus{
			Machine: m.Name, Step: string(next.start.kind), ID: next.start.id, Outcome: v1alpha1.StepWaiting,
		})
	}
	r.enter(v1alpha1.PhaseRestartCluster, r.status.Stage, rejoinLimit, next.doing)
	return false
}

// underWay hands out the steps of a turn, and tells whether any machine is still at it in time.
func (r *restoring) underWay(t turn) bool {
	var waiting []*Machine
	for _, m := range t.machines {
		if r.row(m.Name, t.start.id) == nil {
			continue // it came after the others had begun
		}
		r.skipRest(m, t)
		for _, a := range append(t.before, t.start, t.last) {
			if named(a.machines, m) {
				r.want(m, a.id, a.kind, a.settings(m))
			}
		}
		if !r.over(m, t) && (m.Alive || !r.isWorker(m)) {
			waiting = append(waiting, m)
		}
	}
	if len(waiting) == 0 || r.late() {
		return false
	}
	r.say("%s: waits for %s", t.doing, names(waiting))
	return true
}

// skipRest takes out of a machine's plan what failed before this turn, with all that was to come after that: none of it is
// done any more, and this turn's steps would wait behind it for ever. Of what prepares this turn it takes out what failed.
func (r *restoring) skipRest(m *Machine, t turn) {
	if !r.mine(m) {
		return
	}
	p, stuck := r.course.plan(m), false
	keep := slices.DeleteFunc(slices.Clone(p.Steps), func(s v1alpha1.PlanStep) bool {
		row := r.row(m.Name, s.ID)
		failed := row != nil && row.Outcome == v1alpha1.StepFailed
		begun := row != nil && row.Outcome != v1alpha1.StepWaiting
		switch {
		case s.ID == t.start.id || s.ID == t.last.id:
			return false
		case slices.ContainsFunc(t.before, func(a ask) bool { return a.id == s.ID }):
			return failed
		}
		stuck = stuck || failed
		return failed || stuck && !begun
	})
	if len(keep) != len(p.Steps) {
		p.Steps = keep
		r.put(m, p)
	}
}

// over tells whether nothing more is to be expected of a machine in a turn.
func (r *restoring) over(m *Machine, t turn) bool {
	start, _ := r.outcome(m, t.start.id)
	last, _ := r.outcome(m, t.last.id)
	return start == v1alpha1.StepFailed || final(last)
}

func (r *restoring) rejoin() bool { return r.take(r.rejoins(r.id)) }

func (r *restoring) commitAll() bool { return r.take([]turn{r.recording(r.id)}) }

// retryTurns goes through all that is not done yet once more.
func (r *restoring) retryTurns() bool {
	return r.take(append(r.rejoins(r.attempt), r.recording(r.attempt)))
}

// turnsRemain lists what machines owe, the reasons first: a machine that did not start did not become healthy either.
func (r *restoring) turnsRemain(id func(string) string) []remainder {
	var list []remainder
	failed := map[string]bool{}
	turns := r.rejoins(id)
	for _, t := range turns {
		for _, a := range append(t.before, t.start) {
			bad := filter(a.machines, func(m *Machine) bool {
				o, _ := r.outcome(m, a.id)
				return o == v1alpha1.StepFailed && !failed[m.Name]
			})
			for _, m := range bad {
				failed[m.Name] = true
			}
			list = append(list, remainder{bad, a.id})
		}
		list = append(list, remainder{filter(t.machines, func(m *Machine) bool { return !failed[m.Name] && r.owes(m) }), t.last.id})
	}
	c := r.recording(id)
	return append(list, remainder{filter(c.machines, r.owes), c.last.id})
}

// missed are the workers that took no part, because nothing was heard of them or another restore has them.
func (r *restoring) missed() []*Machine {
	return filter(r.workers(), func(m *Machine) bool { return !r.present(m) && !r.did(m, "healthy") })
}

// unfit tells whether a machine would not find the restored cluster by itself, or not be what the plan says.
func (r *restoring) unfit(m *Machine) bool { return len(r.configured([]*Machine{m})) > 0 }

// tellMissed says what becomes of the workers that took no part. Nothing failed, but of some of them something is left to do.
func (r *restoring) tellMissed() []string {
	var list []string
	missed := r.missed()
	if fit := filter(missed, func(m *Machine) bool { return !r.unfit(m) }); len(fit) > 0 {
		list = append(list, "nobody waited for "+names(fit)+", and a worker finds the cluster again when it is back")
	}
	if unfit := filter(missed, r.unfit); len(unfit) > 0 && len(r.status.RemainingSteps) > 0 {
		list = append(list, "what the plan says of "+names(unfit)+" is not done: go on with retryFrom "+r.status.RemainingSteps[0]+" when it is back")
	}
	return list
}

// owes tells whether a machine that has not done its part must still do it: all servers, and workers that were stopped.
func (r *restoring) owes(m *Machine) bool {
	return !r.isWorker(m) || r.mine(m) && m.unfinished() != ""
}
