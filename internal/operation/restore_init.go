package operation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// initNodeThenJoin plans to restore one machine, and to have all others join it with no data of their own.
func (d *draft) initNodeThenJoin(source v1alpha1.RestoreSource) {
	d.resolve(source)
	d.plan.InitMachine = ""
	for _, m := range d.sorted() {
		p := v1alpha1.PlannedMachine{Machine: m.Name, Roles: slices.Sorted(slices.Values(m.Spec.Roles))}
		switch {
		case m.has(v1alpha1.RoleEtcd):
			p.Action, p.Reason = v1alpha1.ActionRejoin, "what it holds is moved aside, and it gets its data from the others"
		case m.has(v1alpha1.RoleControlPlane):
			p.Action, p.Reason = v1alpha1.ActionRestart, "it holds no data, and comes back after the machines with etcd"
		default:
			p.Action, p.Reason = v1alpha1.ActionRestart, "it comes back after the servers"
		}
		if worker(&p) {
			d.worker(m, &p)
		} else {
			d.presence(m, &p)
		}
		d.plan.Machines = append(d.plan.Machines, p)
	}
	d.datastore()
	d.elect(source)
	d.point()
	d.fits()
}

// sorted are all machines, by name.
func (o *Observed) sorted() []*Machine {
	all := make([]*Machine, len(o.Machines))
	for i := range o.Machines {
		all[i] = &o.Machines[i]
	}
	slices.SortFunc(all, func(a, b *Machine) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// worker plans a machine that nothing depends on.
func (d *draft) worker(m *Machine, p *v1alpha1.PlannedMachine) {
	if slices.Contains(d.spec.ExcludeMachines, m.Name) {
		p.Action, p.Reason = v1alpha1.ActionLeave, "it is excluded: it is stopped, and kept from starting"
	}
	switch why := d.busy(m); {
	case !m.Alive:
		p.Reason += ", if it answers by then"
		d.check("AgentAnswers", m.Name, checkWarning, m.silent()+": it is a worker, so nothing waits for it; it finds the cluster again when it is back")
	case why != "":
		d.check("MachineFree", m.Name, checkWarning, why+"; it is a worker, so nothing waits for it")
	default:
		d.check("AgentAnswers", m.Name, checkPassed, "it answers")
	}
}

// datastore refuses clusters whose data is not in an etcd of their own.
func (d *draft) datastore() {
	for _, m := range d.etcdMachines() {
		if why := foreign(m); why != "" {
			d.check("Datastore", m.Name, checkFailed, why)
		}
	}
}

func foreign(m *Machine) string {
	switch s := m.Status.Distribution; {
	case s == nil || s.Datastore == "" || s.Datastore == v1alpha1.DatastoreEtcd:
		return ""
	case s.Datastore == v1alpha1.DatastoreNone:
		return "it has the role etcd, but keeps no data: it uses the etcd of others"
	default:
		return fmt.Sprintf("its datastore is %s: only an embedded etcd can be restored", s.Datastore)
	}
}

// elect chooses the init machine, and says why.
func (d *draft) elect(source v1alpha1.RestoreSource) {
	name, why := d.candidate(source)
	if name == "" {
		if why != "" {
			d.check("InitMachine", "-", checkFailed, why)
		}
		return
	}
	if bad := d.unfit(name); bad != "" {
		d.check("InitMachine", name, checkFailed, fmt.Sprintf("%s, but %s: name another one as initMachine", why, bad))
		return
	}
	d.plan.InitMachine = name
	for i := range d.plan.Machines {
		if p := &d.plan.Machines[i]; p.Machine == name {
			p.Action, p.Reason = v1alpha1.ActionRestore, "it is the init machine: "+why
		}
	}
	d.check("InitMachine", name, checkPassed, why)
}

// candidate is who should be the init machine, and why; or, with no name, why there is none.
func (d *draft) candidate(source v1alpha1.RestoreSource) (name, why string) {
	asked, present := d.spec.InitMachine, d.Cluster.Status.InitMachine
	switch s := d.plan.Snapshot; {
	case source.Survivor != "" && asked != "" && asked != source.Survivor:
		return "", fmt.Sprintf("%s survives, so it must be the init machine, and not %s: leave initMachine out", source.Survivor, asked)
	case source.Survivor != "":
		return d.plan.Survivor, "its member survives"
	case asked != "":
		return asked, "it is named as initMachine"
	case s == nil:
		return "", "" // there is a failed check that says so
	case s.Machine != "":
		return s.Machine, "it holds the snapshot"
	case present != "" && d.unfit(present) == "":
		return present, "it is the present one"
	}
	for _, m := range d.etcdMachines() {
		if d.unfit(m.Name) == "" {
			return m.Name, "it is the first machine with etcd that could be"
		}
	}
	return "", "no machine with etcd is left that could be restored"
}

// unfit says why a machine can't be the init machine.
func (d *draft) unfit(name string) string {
	m := d.machine(name)
	switch {
	case m == nil:
		return "the cluster has no such machine"
	case !m.has(v1alpha1.RoleEtcd):
		return "it has not the role etcd"
	case slices.Contains(d.spec.ExcludeMachines, name):
		return "it is excluded"
	case !m.Alive:
		return m.silent()
	}
	return foreign(m)
}

// initText explains what restoring one machine comes to.
func (d *draft) initText() []string {
	init := d.plan.InitMachine
	if init == "" {
		return nil
	}
	lines := []string{fmt.Sprintf("While it runs nobody can read or write. The old data is moved aside, and until %s, which starts alone, "+
		"serves the restored data every failure %s. The others join it after that.", init, d.onFailure())}
	if name := front(d.plan); name != "" {
		lines = append(lines, fmt.Sprintf("%s has no API server. %s starts with it, and has to serve its API before then, too.", init, name))
	}
	for _, p := range d.plan.Machines {
		if s := d.machine(p.Machine).Status.Distribution; s != nil && p.Joins != "" && p.Joins == s.Joins {
			lines = append(lines, fmt.Sprintf("%s will join the cluster through %s, as before, with the token from Secret %s.", p.Machine, p.Joins, d.spec.SecretName))
		} else if p.Joins != "" {
			lines = append(lines, fmt.Sprintf("%s will join the cluster through %s, %s.", p.Machine, p.Joins, d.joinedBefore(p.Machine)))
		}
	}
	if s := d.machine(init).Status.Distribution; s != nil && s.Joins != "" {
		lines = append(lines, fmt.Sprintf("%s will join nobody, instead of %s.", init, s.Joins))
	}
	return lines
}

func (d *draft) joinedBefore(machine string) string {
	if s := d.machine(machine).Status.Distribution; s != nil && s.Joins != "" {
		return "instead of " + s.Joins
	}
	return "and so far joined nobody"
}
