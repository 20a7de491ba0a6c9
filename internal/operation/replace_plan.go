package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// replacement plans to make the member on one machine anew, while the others go on.
func (d *draft) replacement(name string) {
	d.plan.Replace, d.plan.ClusterID = name, d.clusterID
	// It gets the data that the others have, so it gets their epoch.
	d.plan.RestoreEpoch = d.Cluster.Status.RestoreEpoch
	var gone []string
	for _, m := range d.etcdMachines() {
		p := d.part(m, name)
		if p.Action != v1alpha1.ActionKeep {
			gone = append(gone, m.Name)
		}
		d.plan.Machines = append(d.plan.Machines, p)
	}
	d.addresses()
	if d.machine(name) == nil || !d.machine(name).has(v1alpha1.RoleEtcd) {
		d.check("Replaceable", name, checkFailed, "the cluster has no such machine with etcd")
	}
	if !d.majority(gone...) {
		d.check("Quorum", "-", checkFailed, "the others are no healthy majority of etcd's members, so none can be replaced: restore a snapshot, or reset to a survivor")
		return
	}
	d.check("Quorum", "-", checkPassed, "the others are a healthy majority")
	d.chooseAdmitter(gone)
	d.removals()
	d.shape.keeper(d)
}

// part is what a machine has in the replacement of the one that is named.
func (d *draft) part(m *Machine, name string) v1alpha1.PlannedMachine {
	p := v1alpha1.PlannedMachine{Machine: m.Name, Action: v1alpha1.ActionKeep, Reason: "it goes on serving"}
	out, off := slices.Contains(d.spec.ExcludeMachines, m.Name), slices.Contains(d.spec.ConfirmPoweredOff, m.Name)
	switch why := d.wrong[m.Name]; {
	case m.Name == name:
		p.Action, p.Reason = v1alpha1.ActionRejoin, "its member is made anew, with the data of the others: "+word(why, "its data is corrupt")
		d.answers(m)
		d.replaceable(m)
		d.shape.rejoins(d, m, &p)
	case out && m.Alive:
		p.Action, p.Reason = v1alpha1.ActionLeave, "it is excluded: etcd is stopped and its data moved aside"
		d.answers(m)
	case (out || off) && !m.Alive:
		p.Action, p.Reason = v1alpha1.ActionPoweredOff, m.silent()+": its member is removed"
	case off:
		d.check("AgentAnswers", m.Name, checkFailed, "it is named in confirmPoweredOff, but it answers")
	case why != "":
		p.Reason = "it is left as it is: " + why
	default:
		d.answers(m)
		p.Member, p.PeerURLs = d.known(m)
	}
	return p
}

// answers checks that a machine can be given steps.
func (d *draft) answers(m *Machine) {
	switch why := d.busy(m); {
	case !m.Alive:
		d.check("AgentAnswers", m.Name, checkFailed, m.silent()+": start it")
	case why != "":
		d.check("MachineFree", m.Name, checkFailed, why)
	default:
		d.check("AgentAnswers", m.Name, checkPassed, "it answers")
	}
}

// replaceable checks the machine whose member is replaced.
func (d *draft) replaceable(m *Machine) {
	if d.wrong[m.Name] == "" && !slices.Contains(m.Status.Etcd.Alarms, "CORRUPT") {
		d.check("Replaceable", m.Name, checkFailed, "its member is healthy: there is nothing to replace")
		return
	}
	d.check("Replaceable", m.Name, checkPassed, "what it holds is moved aside")
}

// known is who a member is by the table of the cluster.
func (d *draft) known(m *Machine) (name string, urls []string) {
	for _, peer := range d.table {
		if peer.ID == m.Status.Etcd.ID {
			return peer.Name, slices.Sorted(slices.Values(peer.PeerURLs))
		}
	}
	return "", nil
}

// chooseAdmitter takes the machine that was asked for, or the first that is healthy: not the leader of the moment, since
// the plan is to stand while leaders change.
func (d *draft) chooseAdmitter(gone []string) {
	for _, m := range d.healthy {
		if slices.Contains(gone, m.Name) || d.busy(m) != "" {
			continue
		}
		if d.plan.InitMachine == "" || m.Name == d.spec.InitMachine {
			d.plan.InitMachine = m.Name
		}
	}
	if d.plan.InitMachine == "" {
		d.check("Quorum", "-", checkFailed, "no healthy machine is free to take the new member in")
	}
}

// removals are the members in whose place the new one comes: those that were on the same machine, and those of machines
// that leave.
func (d *draft) removals() {
	for _, peer := range d.table {
		if m := d.machineOf(peer.ID); m != nil && d.action(m.Name) == v1alpha1.ActionKeep {
			continue
		}
		owner := d.owner(peer)
		switch {
		case owner == "":
			d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf(
				"member %s %s is on no machine that is known here, and stays: remove it with etcdctl if it is lost", peer.ID, peer.Name))
		case d.action(owner) != v1alpha1.ActionKeep:
			d.plan.RemoveMembers = append(d.plan.RemoveMembers, peer.ID)
		}
	}
	slices.Sort(d.plan.RemoveMembers)
}

func (d *draft) action(machine string) string {
	for _, p := range d.plan.Machines {
		if p.Machine == machine {
			return p.Action
		}
	}
	return ""
}

// owner is the machine that a member is on, or was: by its id, else by how etcd is set up there.
func (d *draft) owner(peer v1alpha1.PeerMember) string {
	machines := d.etcdMachines()
	for _, m := range machines {
		if e := m.Status.Etcd; e != nil && e.ID == peer.ID && e.ClusterID == d.clusterID {
			return m.Name
		}
	}
	for _, m := range machines {
		if c := m.Status.EtcdConfig; c != nil && (c.Name == peer.Name || overlap(c.PeerURLs, peer.PeerURLs)) {
			return m.Name
		}
	}
	for _, m := range machines {
		if s := m.Status.Distribution; s != nil && step.NamedAfter(peer.Name, s.NodeName) {
			return m.Name
		}
	}
	for _, p := range d.plan.Machines {
		if p.Member != "" && p.Member == peer.Name || overlap(p.PeerURLs, peer.PeerURLs) {
			return p.Machine
		}
	}
	return ""
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(url string) bool { return slices.Contains(b, url) })
}

// replaceText explains a replacement.
func (d *draft) replaceText() []string {
	name := d.plan.Replace
	lines := []string{fmt.Sprintf("Makes the member on %s anew, with the data of the others. Nothing is lost, and the others go on serving.", name)}
	if d.plan.InitMachine != "" {
		lines = append(lines, fmt.Sprintf("%s takes it into etcd cluster %s.", d.plan.InitMachine, d.clusterID))
	}
	for _, peer := range d.table {
		if slices.Contains(d.plan.RemoveMembers, peer.ID) {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("Member %s %s", peer.ID, peer.Name))+" is removed first: it never comes back.")
		}
	}
	for _, p := range d.plan.Machines {
		lines = append(lines, fmt.Sprintf("%s: %s: %s.", p.Machine, p.Action, p.Reason))
	}
	return append(lines, fmt.Sprintf("What %s holds is moved aside. "+d.shape.undoable, name))
}
