package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// ask is a step that some machines are asked for.
type ask struct {
	machines []*Machine
	id       string
	kind     step.Kind
	settings func(*Machine) any
}

// every asks for a step on each of some machines, and tells whether all have done it. A failure turns the restore back.
func (r *restoring) every(machines []*Machine, id string, kind step.Kind, doing string, settings func(*Machine) any) bool {
	return r.each(doing, ask{machines, id, kind, settings})
}

// each asks for several steps at once, which each machine does one after the other.
func (r *restoring) each(doing string, asks ...ask) bool {
	if err := r.lost(); err != nil {
		r.give("MachineFailed", err.Error())
		return false
	}
	for _, a := range asks {
		for _, m := range a.machines {
			r.want(m, a.id, a.kind, a.settings(m))
		}
	}
	for _, a := range asks {
		switch t := r.tally(a.machines, a.id); {
		case len(t.failed) > 0:
			r.give("StepFailed", string(a.kind)+" failed: "+strings.Join(t.failed, "; "))
		case len(t.waiting) > 0 && r.late():
			r.give("DeadlineExceeded", fmt.Sprintf("%s was not done in time on %s", a.kind, names(t.waiting)))
		case len(t.waiting) > 0:
			r.say("%s: waits for %s", doing, names(t.waiting))
		default:
			continue
		}
		return false
	}
	return true
}

// also asks workers for a step, and waits for none of them.
func (r *restoring) also(machines []*Machine, id string, kind step.Kind, settings func(*Machine) any) {
	for _, m := range machines {
		if r.present(m) {
			r.want(m, id, kind, settings(m))
		}
	}
}

func none(*Machine) any { return nil }

func (r *restoring) fence() bool {
	r.also(r.leavingWorkers(), r.id("fence"), step.Fence, none)
	return r.every(r.servers(), r.id("fence"), step.Fence, "keeps etcd from starting by itself", none)
}

func (r *restoring) stop() bool {
	r.also(r.workers(), r.id("stop"), step.StopDistro, none)
	return r.every(r.servers(), r.id("stop"), step.StopDistro, "stops etcd", none)
}

func (r *restoring) moveAside() bool {
	r.also(r.configured(r.workers()), r.id("aside"), step.MoveAside, none)
	return r.every(r.servers(), r.id("aside"), step.MoveAside, "moves the old data aside", none)
}

// planned machines with one of these actions, that are still there.
func (r *restoring) planned(actions ...string) []*Machine {
	return r.chosen(func(p *v1alpha1.PlannedMachine) bool { return slices.Contains(actions, p.Action) })
}

func (r *restoring) chosen(is func(*v1alpha1.PlannedMachine) bool) []*Machine {
	var list []*Machine
	for i := range r.status.Plan.Machines {
		p := &r.status.Plan.Machines[i]
		if m := r.machine(p.Machine); m != nil && is(p) {
			list = append(list, m)
		}
	}
	return list
}

// servers are the machines that every stage counts on: those with etcd or a control plane.
func (r *restoring) servers() []*Machine {
	return r.chosen(func(p *v1alpha1.PlannedMachine) bool { return touched(p) && !worker(p) })
}

// workers take part as far as they can: nothing waits for one that does not answer, and none turns a restore back.
func (r *restoring) workers() []*Machine {
	return r.chosen(func(p *v1alpha1.PlannedMachine) bool { return touched(p) && worker(p) })
}

// touched tells whether anything is done on the machine.
func touched(p *v1alpha1.PlannedMachine) bool {
	return p.Action != v1alpha1.ActionKeep && p.Action != v1alpha1.ActionPoweredOff
}

// worker tells whether the machine has neither etcd nor a control plane.
func worker(p *v1alpha1.PlannedMachine) bool {
	return slices.Contains(p.Roles, v1alpha1.RoleWorker) && !slices.Contains(p.Roles, v1alpha1.RoleEtcd) &&
		!slices.Contains(p.Roles, v1alpha1.RoleControlPlane)
}

func (r *restoring) leavingWorkers() []*Machine {
	return r.chosen(func(p *v1alpha1.PlannedMachine) bool { return worker(p) && p.Action == v1alpha1.ActionLeave })
}

// present tells whether a worker takes part: it answers, or has done something for this restore that it must see through.
func (r *restoring) present(m *Machine) bool {
	return m.Plan.Name != "" && (r.mine(m) && m.unfinished() != "" || m.Alive && r.busy(m) == "")
}

// makers are the machines whose data is made from the snapshot.
func (r *restoring) makers() []*Machine { return r.planned(v1alpha1.ActionRestore) }

// restored are the machines that have data afterwards.
func (r *restoring) restored() []*Machine {
	return r.planned(v1alpha1.ActionRestore, v1alpha1.ActionRejoin)
}

// lost says that a machine was removed which the restore counts on.
func (r *restoring) lost() error {
	for i := range r.status.Plan.Machines {
		p := &r.status.Plan.Machines[i]
		counts := touched(p) && !worker(p) || p.Machine == r.status.Plan.InitMachine && p.Action == v1alpha1.ActionKeep
		if counts && r.machine(p.Machine) == nil {
			return fmt.Errorf("machine %s was removed", p.Machine)
		}
	}
	return nil
}
