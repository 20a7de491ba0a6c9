package operation

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// point says which machines have to join the cluster through another one than before. The first server of a cluster joins
// nobody; when another machine is restored in its place, it would form a second cluster at its next start.
func (d *draft) point() {
	init := d.machine(d.plan.InitMachine)
	if init == nil {
		return
	}
	if init.Status.Distribution == nil || init.Status.Distribution.JoinURL == "" {
		if len(d.plan.Machines) > 1 {
			d.check("InitMachine", init.Name, checkFailed, "it does not tell the URL that others join it at: is a server installed on it?")
		}
		return
	}
	for i := range d.plan.Machines {
		switch p := &d.plan.Machines[i]; {
		case d.misled(p):
			p.Joins = init.Status.Distribution.JoinURL
		case d.uninitiated(p, init):
			p.Joins = d.machine(p.Machine).Status.Distribution.Joins
		}
	}
}

// uninitiated tells whether a machine joins the right one with a token that may not be the cluster's, while the restore was
// given one: as new machines do whose administrator did not know it.
func (d *draft) uninitiated(p *v1alpha1.PlannedMachine, init *Machine) bool {
	if d.spec.SecretName == "" || p.Action != v1alpha1.ActionRejoin && p.Action != v1alpha1.ActionRestart {
		return false
	}
	s, want := d.machine(p.Machine).Status.Distribution, init.Status.Distribution.TokenDigest
	if d.plan.Snapshot != nil {
		want = ""
		if taken := d.snapshot(d.plan.Snapshot.Name); taken != nil {
			want = taken.Spec.TokenDigest
		}
	}
	return s != nil && s.Joins != "" && (want == "" || s.TokenDigest != want)
}

// misled tells whether a machine has to be pointed at the init machine.
func (d *draft) misled(p *v1alpha1.PlannedMachine) bool {
	if p.Action != v1alpha1.ActionRejoin && p.Action != v1alpha1.ActionRestart {
		return false
	}
	m, joins := d.machine(p.Machine), ""
	if s := m.Status.Distribution; s != nil {
		joins = s.Joins
	}
	to := d.owns(joins)
	switch {
	case joins == "":
		// A worker that does not tell joins somebody all the same.
		return !worker(p)
	case p.Machine == front(d.plan) && to == nil:
		return false
	case p.Action == v1alpha1.ActionRejoin || p.Machine == front(d.plan):
		// When it starts only the init machine is sure to serve.
		return to == nil || to.Name != d.plan.InitMachine
	case to == nil:
		return false // a fixed address before the servers
	}
	return !d.serves(to.Name, worker(p))
}

// serves tells whether a machine answers those that join after it: workers come last.
func (d *draft) serves(machine string, last bool) bool {
	return slices.ContainsFunc(d.plan.Machines, func(p v1alpha1.PlannedMachine) bool {
		switch {
		case p.Machine != machine:
			return false
		case p.Action == v1alpha1.ActionRestore, p.Action == v1alpha1.ActionRejoin, p.Action == v1alpha1.ActionKeep:
			return true
		}
		return p.Action == v1alpha1.ActionRestart && last && !worker(&p)
	})
}

// owns finds the machine that a URL leads to; nil for an address that is none of the machines'.
func (d *draft) owns(joins string) *Machine {
	for _, m := range d.sorted() {
		if s := m.Status.Distribution; s != nil && s.JoinURL != "" && sameURL(s.JoinURL, joins) || slices.Contains(addresses(m), host(joins)) {
			return m
		}
	}
	return nil
}

// addresses are the names that a machine may be called by.
func addresses(m *Machine) []string {
	all := slices.Clone(m.Status.Addresses)
	if m.Status.Hostname != "" {
		all = append(all, strings.ToLower(m.Status.Hostname))
	}
	return all
}

func sameURL(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// host of a URL, without its port; "-" when it has none, which no machine is called.
func host(joins string) string {
	_, rest, _ := strings.Cut(joins, "://")
	rest, _, _ = strings.Cut(rest, "/")
	if inner, found := strings.CutPrefix(rest, "["); found { // an IPv6 address
		rest, _, _ = strings.Cut(inner, "]")
	} else if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest = rest[:i]
	}
	return word(strings.ToLower(rest), "-")
}
