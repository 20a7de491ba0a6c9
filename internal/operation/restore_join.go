package operation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// configuring are the steps that make machines fit for the restored cluster. They change files alone, of which MoveAside
// has made copies.
func (r *restoring) configuring(id func(string) string) []ask {
	plan := r.status.Plan
	active := func(p *v1alpha1.PlannedMachine) bool { return touched(p) && p.Action != v1alpha1.ActionLeave }
	return []ask{
		{r.chosen(func(p *v1alpha1.PlannedMachine) bool { return active(p) && plan.KubernetesVersion != "" }), id("install"),
			step.InstallDistro, func(*Machine) any { return step.InstallSettings{Version: plan.KubernetesVersion} }},
		{r.chosen(func(p *v1alpha1.PlannedMachine) bool { return active(p) && p.Config != nil }), id("config"),
			step.WriteConfig, func(m *Machine) any { return step.ConfigSettings{Config: r.part(m).Config.Raw} }},
		// A machine that is restored joins nobody, whomever its configuration names.
		{r.chosen(func(p *v1alpha1.PlannedMachine) bool { return p.Joins != "" || p.Action == v1alpha1.ActionRestore }), id("point"),
			step.PointServer, r.pointSettings},
	}
}

// pointSettings hand on the token out of the escrow to machines without etcd: they have no access to where that lies.
func (r *restoring) pointSettings(m *Machine) any {
	set := step.PointSettings{Server: r.part(m).Joins}
	for _, maker := range r.makers() {
		var e step.FetchEvidence
		if !m.has(v1alpha1.RoleEtcd) && evidence(maker, r.id("fetch"), &e) {
			set.Token = e.Token
		}
	}
	return set
}

// part is what the plan says of a machine; nothing of one that it does not name.
func (r *restoring) part(m *Machine) *v1alpha1.PlannedMachine {
	if plan := r.status.Plan; plan != nil {
		for i := range plan.Machines {
			if plan.Machines[i].Machine == m.Name {
				return &plan.Machines[i]
			}
		}
	}
	return &v1alpha1.PlannedMachine{}
}

// isWorker tells whether the plan counts a machine among the workers.
func (r *restoring) isWorker(m *Machine) bool { return worker(r.part(m)) }

// configured are those of some machines that are configured anew.
func (r *restoring) configured(machines []*Machine) []*Machine {
	asks := r.configuring(r.id)
	return filter(machines, func(m *Machine) bool {
		return slices.ContainsFunc(asks, func(a ask) bool { return named(a.machines, m) })
	})
}

func filter(machines []*Machine, is func(*Machine) bool) []*Machine {
	return slices.DeleteFunc(slices.Clone(machines), func(m *Machine) bool { return !is(m) })
}

func named(machines []*Machine, m *Machine) bool {
	return slices.ContainsFunc(machines, func(other *Machine) bool { return other.Name == m.Name })
}

// configure does it before anything starts: what can't be configured is found out while there is a way back.
func (r *restoring) configure() bool {
	asks := r.configuring(r.id)
	for i, a := range asks {
		r.also(filter(a.machines, r.isWorker), a.id, a.kind, a.settings)
		asks[i].machines = filter(a.machines, func(m *Machine) bool { return !r.isWorker(m) })
	}
	return r.each("prepares the machines", asks...)
}

func (r *restoring) rebuildsInit() string {
	return "makes the new data on " + r.status.Plan.InitMachine
}

func (r *restoring) startsInit() string { return "starts " + r.status.Plan.InitMachine }

// startInit starts the init machine alone, and then its front. The commit point is when they serve the restored data.
func (r *restoring) startInit() bool {
	for _, machines := range [][]*Machine{r.makers(), r.fronts()} {
		if !r.each("starts "+names(machines),
			ask{machines, r.id("start"), step.StartDistro, none},
			ask{machines, r.id("healthy"), step.WaitHealthy, r.servingSettings}) {
			return false
		}
	}
	return true
}

func (r *restoring) servesWhere() string {
	text := r.status.Plan.InitMachine + " serves the restored data"
	if name := front(r.status.Plan); name != "" {
		text += ", and " + name + " its API"
	}
	return text
}

// front is the machine whose API server shows what an init machine for etcd alone holds: the first control plane that is left;
// "" where the init machine has an API server itself, and where nobody has. It holds no data, and serves nothing without the
// init machine, so that to start it before the commit point makes no second cluster.
func front(plan *v1alpha1.RestorePlan) string {
	first := ""
	for _, p := range plan.Machines {
		serves := slices.Contains(p.Roles, v1alpha1.RoleControlPlane)
		switch {
		case p.Machine == plan.InitMachine && serves:
			return ""
		case p.Action == v1alpha1.ActionRestart && serves && first == "":
			first = p.Machine
		}
	}
	return first
}

// fronts are the front, where there is one.
func (r *restoring) fronts() []*Machine {
	name := front(r.status.Plan)
	if r.replaces() {
		name = ""
	}
	return r.chosen(func(p *v1alpha1.PlannedMachine) bool { return p.Machine == name })
}

// servingSettings are what a machine must come to when it is back: one with etcd as part of the restored cluster, whose id
// the init machine has told, and of no other.
func (r *restoring) servingSettings(m *Machine) any {
	set := step.HealthySettings{Serves: true}
	if !m.has(v1alpha1.RoleEtcd) {
		return set
	}
	if r.replaces() {
		set.ClusterID = r.status.Plan.ClusterID
		return set
	}
	if made, err := r.rebuilt(); err == nil && made != nil {
		set.Revision = made.Revision
	}
	for _, init := range r.makers() {
		var e step.HealthyEvidence
		if init.Name != m.Name && evidence(init, r.id("healthy"), &e) {
			set.ClusterID = e.ClusterID
		}
	}
	return set
}
