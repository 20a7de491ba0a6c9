package doctor

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// members is about etcd as a whole: who answers, and whether they are one cluster.
func (e *examination) members() {
	etcd := e.etcdMachines()
	if len(etcd) == 0 {
		e.add(Critical, e.cluster(), "no machine with etcd has joined: nothing is backed up", "holdfast machine join "+e.name+" --role etcd")
		return
	}
	ids := map[string][]string{}
	up, table := 0, 0
	for _, m := range etcd {
		member := m.Status.Etcd
		if member == nil {
			continue
		}
		ids[member.ClusterID] = append(ids[member.ClusterID], m.Name)
		table = max(table, len(member.Members))
		if member.Role != "" && e.answers(m.Name) {
			up++
		}
	}
	if len(ids) > 1 && e.running() == nil {
		var sides []string
		for id, machines := range ids {
			sides = append(sides, id+" on "+strings.Join(machines, ", "))
		}
		slices.Sort(sides)
		e.add(Critical, e.cluster(), "its machines run different etcd clusters, which is a split brain: "+strings.Join(sides, "; "),
			"stop the one that must not run before anything else; holdfast restore plan "+e.name+" --latest-proven says more")
	}
	voters := max(table, len(etcd))
	switch {
	case up == 0:
		e.add(Critical, e.cluster(), "no etcd member is known to answer", "holdfast restore plan "+e.name+" --latest-proven says what it needs, and touches nothing")
	case up <= voters/2:
		e.add(Critical, e.cluster(), fmt.Sprintf("etcd has lost quorum: %d of %d members answer", up, voters),
			"holdfast restore plan "+e.name+" --survivor "+e.survivor()+" keeps what a snapshot would lose")
	case up < voters:
		e.add(Warning, e.cluster(), fmt.Sprintf("%d of %d etcd members answer: %s", up, voters, spare(up, voters)),
			"bring the missing machine back, or replace it: holdfast machine join "+e.name+" --role etcd --replace MACHINE")
	}
}

// spare says what can still fail.
func spare(up, voters int) string {
	if left := up - (voters/2 + 1); left > 0 {
		return fmt.Sprintf("%d more may fail", left)
	}
	return "one more failure loses quorum"
}

func (e *examination) etcdMachines() []*v1alpha1.Machine {
	var list []*v1alpha1.Machine
	for i := range e.Machines {
		if slices.Contains(e.Machines[i].Spec.Roles, v1alpha1.RoleEtcd) {
			list = append(list, &e.Machines[i])
		}
	}
	return list
}

// survivor is the machine whose member has applied most.
func (e *examination) survivor() string {
	name, index := "MACHINE", int64(-1)
	for _, m := range e.etcdMachines() {
		if m.Status.Etcd != nil && e.answers(m.Name) && m.Status.Etcd.RaftIndex > index {
			name, index = m.Name, m.Status.Etcd.RaftIndex
		}
	}
	return name
}

// machine is about one machine.
func (e *examination) machine(m *v1alpha1.Machine) {
	subject := "machine " + m.Name
	since, ever := e.silent(m.Name)
	if since > 0 || !ever {
		text := "it was never heard of"
		if ever {
			text = "it was not heard of for " + console.Age(e.Now, e.Now.Add(-since))
		}
		e.add(Warning, subject, text+"; its own schedule goes on if it runs", "on it: systemctl status holdfast-agent; journalctl -u holdfast-agent -n 50")
		return // what it last said is no news
	}
	e.conditions(m, subject)
	e.alarms(m, subject)
	if want := e.Cluster.Status.RestoreEpoch; m.Status.RestoreEpoch < want && m.Status.Etcd != nil && e.running() == nil {
		e.add(Critical, subject, fmt.Sprintf("it holds data of before the last restore (epoch %d, the cluster's is %d)", m.Status.RestoreEpoch, want), e.getMachine(m.Name))
	}
	for _, d := range m.Status.Disks {
		e.disk(subject, d)
	}
}

func (e *examination) conditions(m *v1alpha1.Machine, subject string) {
	for _, rule := range []struct {
		kind     string
		bad      metav1.ConditionStatus
		severity Severity
		text     string
	}{
		{v1alpha1.MachineReady, metav1.ConditionFalse, Warning, "it is not ready"},
		{v1alpha1.MachineEtcdHealthy, metav1.ConditionFalse, Warning, "its etcd is not healthy"},
		{v1alpha1.MachineScheduleOK, metav1.ConditionFalse, Warning, "a recurring snapshot that was due was not taken"},
		{v1alpha1.MachineStale, metav1.ConditionTrue, Critical, "it holds data of before a restore, and is kept from starting it"},
		{v1alpha1.MachineFenced, metav1.ConditionTrue, Warning, "it is kept from starting, and no operation runs"},
	} {
		if rule.kind == v1alpha1.MachineFenced && e.running() != nil {
			continue // a restore fences on purpose
		}
		if c := cell.Find(m.Status.Conditions, rule.kind); c != nil && c.Status == rule.bad {
			e.add(rule.severity, subject, join(rule.text, c.Message), e.getMachine(m.Name))
		}
	}
}

func (e *examination) alarms(m *v1alpha1.Machine, subject string) {
	if m.Status.Etcd == nil {
		return
	}
	for _, alarm := range m.Status.Etcd.Alarms {
		switch alarm {
		case "NOSPACE":
			e.add(Critical, subject, "etcd takes no writes: its space quota is used up (NOSPACE)", "compact and defragment it, then etcdctl alarm disarm")
		case "CORRUPT":
			e.add(Critical, subject, "etcd says that its data is corrupt; its snapshots count as suspect",
				"replace the member: holdfast machine join "+e.name+" --role etcd --replace "+m.Name)
		default:
			e.add(Critical, subject, "etcd has raised the alarm "+alarm, "etcdctl alarm list")
		}
	}
}

func (e *examination) disk(subject string, d v1alpha1.Disk) {
	free, total := d.Free.Value(), d.Total.Value()
	least := max(total/10, 1<<30)
	if q := e.Cluster.Spec.Etcd.MinFree; q != nil {
		least = q.Value()
	}
	if free < least {
		e.add(Warning, subject, fmt.Sprintf("the disk of %s has %s left, and snapshots leave %s free: the next may be refused", d.Path, console.Bytes(free), console.Bytes(least)),
			"free some space there, or lower spec.etcd.minFree: holdfast cluster edit "+e.name)
	}
}

// join adds what the machine itself says.
func join(text, message string) string {
	if message == "" {
		return text
	}
	return text + ": " + message
}
