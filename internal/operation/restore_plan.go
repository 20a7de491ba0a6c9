package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// draft is a plan in the making, with what the manager itself has checked.
type draft struct {
	*restoring
	*census
	plan   *v1alpha1.RestorePlan
	checks []v1alpha1.PreflightCheck
}

// ownChecks are those that the manager makes; all others are the machines'.
var ownChecks = []string{
	"Distribution", "Configuration", "ManagerElsewhere", "AgentAnswers", "MachineFree", "MemberKnown", "Machines", "Survivor", "SnapshotFound", "SnapshotGood",
	"Quorum", "Replaceable", "InitMachine", "Datastore", "SnapshotToken", "SnapshotVersion", "SnapshotEncryption", "Worker",
}

// draft makes a plan out of what is seen now.
func (r *restoring) draft(source v1alpha1.RestoreSource) *draft {
	d := &draft{restoring: r, plan: &v1alpha1.RestorePlan{}, census: r.census()}
	d.supported()
	d.managerElsewhere()
	d.verdict()
	if source.Replace != "" {
		d.replacement(source.Replace)
		return d
	}
	d.plan.RestoreEpoch = d.newestEpoch() + 1
	d.shape.plan(d, source)
	d.strangers()
	d.waste()
	d.splitBrain()
	return d
}

func (d *draft) check(check, machine, outcome, message string) {
	d.checks = putCheck(d.checks, check, machine, outcome, message)
}

// supported refuses what is not there to be restored.
func (d *draft) supported() {
	switch d.Cluster.Spec.Distro {
	case v1alpha1.DistroEtcd:
		if s := d.spec.RestoreRKEConfig; s != "" && s != v1alpha1.RestoreNone {
			d.check("Configuration", "-", checkFailed, "a plain etcd has no Kubernetes version and no configuration to restore: set restoreRKEConfig to none")
		}
	case v1alpha1.DistroRKE:
		d.check("Distribution", "-", checkFailed, "restores of rke are not supported by this version")
	}
}

// allMembers plans to make the data of every member anew.
func (d *draft) allMembers(source v1alpha1.RestoreSource) {
	for _, m := range d.etcdMachines() {
		p := v1alpha1.PlannedMachine{Machine: m.Name, Action: v1alpha1.ActionRestore, Reason: "its data is made anew from the snapshot"}
		d.presence(m, &p)
		if p.Action == v1alpha1.ActionRestore {
			d.member(m, &p)
		}
		d.plan.Machines = append(d.plan.Machines, p)
	}
	if !slices.ContainsFunc(d.plan.Machines, func(p v1alpha1.PlannedMachine) bool { return p.Action == v1alpha1.ActionRestore }) {
		d.check("Machines", "-", checkFailed, "no machine is left that could be restored")
	}
	d.addresses()
	d.resolve(source)
}

// presence says what happens on a machine that is off or excluded, and checks that all others answer.
func (d *draft) presence(m *Machine, p *v1alpha1.PlannedMachine) {
	off := slices.Contains(d.spec.ConfirmPoweredOff, m.Name)
	switch why := d.busy(m); {
	case !m.Alive && off:
		p.Action, p.Reason = v1alpha1.ActionPoweredOff, "somebody has seen that it is off: "+m.silent()
		return
	case !m.Alive:
		d.check("AgentAnswers", m.Name, checkFailed, m.silent()+
			": start it, or name it in confirmPoweredOff once somebody has seen that it is off")
	case off:
		d.check("AgentAnswers", m.Name, checkFailed, "it is named in confirmPoweredOff, but it answers")
	case why != "":
		d.check("MachineFree", m.Name, checkFailed, why)
	default:
		d.check("AgentAnswers", m.Name, checkPassed, "it answers")
	}
	if slices.Contains(d.spec.ExcludeMachines, m.Name) {
		p.Action, p.Reason = v1alpha1.ActionLeave, "it is excluded: etcd is stopped and its data moved aside"
	}
}

// strangers refuses names of machines that the cluster does not have.
func (d *draft) strangers() {
	for _, name := range slices.Concat(d.spec.ExcludeMachines, d.spec.ConfirmPoweredOff) {
		if d.machine(name) == nil {
			d.check("AgentAnswers", name, checkFailed, "the cluster has no such machine")
		}
	}
}

// busy says why another restore keeps the machine.
func (r *restoring) busy(m *Machine) string {
	switch {
	case m.Plan.Name == "":
		return "it has no MachinePlan: let it join again"
	case r.mine(m):
		return ""
	}
	return m.unfinished()
}

// member finds out who the machine is to be in the restored cluster: who it was by the tables of the members, or what its
// unit is set up for when it never was one.
func (d *draft) member(m *Machine, p *v1alpha1.PlannedMachine) {
	if e := m.Status.Etcd; e != nil {
		for _, peer := range d.tables(m) {
			if peer.ID == e.ID && len(peer.PeerURLs) > 0 {
				p.Member, p.PeerURLs = word(peer.Name, e.Name), slices.Sorted(slices.Values(peer.PeerURLs))
			}
		}
	}
	if c := m.Status.EtcdConfig; p.Member == "" && c != nil {
		p.Member, p.PeerURLs = c.Name, slices.Sorted(slices.Values(c.PeerURLs))
	}
	if p.Member == "" || p.Member == "Unknown" || len(p.PeerURLs) == 0 {
		d.check("MemberKnown", m.Name, checkFailed, "neither its member nor its unit tells its member name and peer URLs: configure etcd on it")
		return
	}
	d.check("MemberKnown", m.Name, checkPassed, p.Member+" at "+strings.Join(p.PeerURLs, ", "))
}

// tables of all members, m's own last, so that it counts most.
func (d *draft) tables(m *Machine) []v1alpha1.PeerMember {
	var all []v1alpha1.PeerMember
	for _, other := range d.etcdMachines() {
		if e := other.Status.Etcd; e != nil && other.Name != m.Name && e.ClusterID == m.Status.Etcd.ClusterID {
			all = append(all, e.Members...)
		}
	}
	return append(all, m.Status.Etcd.Members...)
}

// addresses refuses two machines that would be the same member.
func (d *draft) addresses() {
	seen := map[string]string{}
	for _, p := range d.plan.Machines {
		for _, key := range append([]string{p.Member}, p.PeerURLs...) {
			if other := seen[key]; key != "" && other != "" {
				d.check("MemberKnown", p.Machine, checkFailed, fmt.Sprintf("it would be %s, as %s: give each member its own name and peer URLs", key, other))
			}
			seen[key] = p.Machine
		}
	}
}

// verdict says what the cluster needs, whatever was asked for.
func (d *draft) verdict() {
	var bad, unwell []string
	for _, m := range d.etcdMachines() {
		if why := d.wrong[m.Name]; why != "" {
			bad, unwell = append(bad, m.Name+": "+why), append(unwell, m.Name)
		}
	}
	survivor := d.survivorWithMost()
	switch {
	case len(d.healthy) > 0 && len(bad) == 0:
		d.plan.Verdict, d.plan.Reason = v1alpha1.VerdictNothing, "etcd is healthy on all machines: a restore throws away what came after the snapshot"
	case d.majority():
		d.plan.Verdict, d.plan.Candidates = v1alpha1.VerdictReplace, unwell
		d.plan.Reason = "a majority is healthy (" + strings.Join(plainNames(d.healthy), ", ") +
			"): replacing what is not loses nothing, see source.replace; " + strings.Join(bad, "; ")
	case survivor != nil:
		d.plan.Verdict, d.plan.Candidates = v1alpha1.VerdictReset, []string{survivor.Name}
		d.plan.Reason = "no majority is healthy, but the member on " + survivor.Name + " still has its data: source.survivor " +
			survivor.Name + " keeps what a snapshot would lose; " + strings.Join(bad, "; ")
	default:
		d.plan.Verdict, d.plan.Reason = v1alpha1.VerdictRestore, "no member runs, and from none of them can anything be kept before one does: "+strings.Join(bad, "; ")
	}
}

// wasteWarning is how the warning of waste begins.
const wasteWarning = "etcd works ("

// waste warns when a cluster that works is about to be overwritten. It may be right: what it holds may be wrong.
func (d *draft) waste() {
	switch d.plan.Verdict { //nolint:exhaustive // the others have nothing to lose
	case v1alpha1.VerdictNothing, v1alpha1.VerdictReplace:
	default:
		return
	}
	lost := "everything that was written after the snapshot"
	if d.plan.Survivor != "" {
		lost = "what only the other members hold"
	}
	d.plan.Warnings = append(d.plan.Warnings, wasteWarning+strings.Join(plainNames(d.healthy), ", ")+"): this restore throws away "+lost)
}

// splitBrain warns when machines that nobody controls could be a majority of the old cluster.
func (d *draft) splitBrain() {
	var absent []string
	total := 0
	for _, p := range d.plan.Machines {
		if !votes(&p) {
			continue
		}
		total++
		if p.Action == v1alpha1.ActionPoweredOff {
			absent = append(absent, p.Machine)
		}
	}
	if len(absent) > 0 && len(absent) >= total/2+1 {
		d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf(
			"split brain: %s are a majority of the old cluster. Should they still run, there will be two clusters, and both take writes",
			strings.Join(absent, ", ")))
	} else if len(absent) > 0 {
		d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf(
			"%s must stay off until the agent there can reach this manager: it then moves the old data aside", strings.Join(absent, ", ")))
	}
}

// votes tells whether etcd runs on the machine.
func votes(p *v1alpha1.PlannedMachine) bool {
	return len(p.Roles) == 0 || slices.Contains(p.Roles, v1alpha1.RoleEtcd)
}

// text explains the plan. It speaks of now, and stands as long as the facts do.
func (d *draft) text() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("Verdict: %s. %s.", d.plan.Verdict, d.plan.Reason)
	if d.plan.Replace != "" {
		return append(append(lines, d.replaceText()...), d.plan.Warnings...)
	}
	switch s := d.plan.Snapshot; {
	case d.plan.Survivor != "":
		add("Takes what the member on %s holds, and makes the cluster anew from it. Loses only what that member never got.", d.plan.Survivor)
	case s == nil:
		add("There is nothing to restore from: see the failed checks.")
	default:
		where := "in S3"
		if s.Machine != "" {
			where = "on " + s.Machine
		}
		add("Restores %s (%s), %s.", s.File, word(string(s.State), "unverified"), where)
		if s.Created != nil {
			add("Returns to %s: as of %s that loses %s%s.", stamp(s.Created.Time), stamp(d.Now), about(d.Now.Sub(s.Created.Time)), d.lostRevisions())
		}
	}
	for _, p := range d.plan.Machines {
		add("%s: %s: %s.", p.Machine, p.Action, p.Reason)
	}
	lines = append(lines, d.shape.text(d)...)
	return append(lines, d.plan.Warnings...)
}

// membersText explains what restoring all members comes to.
func (d *draft) membersText() []string {
	lines := []string{"While it runs nobody can read or write. The old data is moved aside, and until a majority of the new members is healthy every failure " + d.onFailure() + "."}
	if d.Cluster.Spec.Distro == v1alpha1.DistroEtcd {
		lines = append(lines, fmt.Sprintf("Revisions are raised by %d, so that clients never see one twice.", bump))
	}
	return lines
}

func (d *draft) onFailure() string {
	if d.spec.OnFailure == v1alpha1.FailureHold {
		return "leaves everything as it is then (onFailure: hold)"
	}
	return "brings it back"
}

// lostRevisions counts the changes since the snapshot, where both sides are known.
func (d *draft) lostRevisions() string {
	var newest int64
	for _, m := range d.etcdMachines() {
		if m.Status.Etcd != nil {
			newest = max(newest, m.Status.Etcd.Revision)
		}
	}
	if r := d.plan.Snapshot.Revision; r > 0 && newest > r {
		return fmt.Sprintf(" and %d changes", newest-r)
	}
	return ""
}
