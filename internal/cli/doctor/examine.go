package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	coordination "k8s.io/api/coordination/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Severity of a finding.
type Severity string

// The severities, the worst first.
const (
	// Critical: data is at stake now.
	Critical Severity = "critical"
	// Warning: it will be, if nobody does anything.
	Warning Severity = "warning"
	// Note: good to know.
	Note Severity = "note"
)

// Finding is one thing that is wrong.
type Finding struct {
	Severity Severity `json:"severity"`
	// Subject is the cluster, machine, snapshot or operation that it is about.
	Subject string `json:"subject"`
	// Problem in words.
	Problem string `json:"problem"`
	// Next is the command, or the deed, that helps.
	Next string `json:"next,omitempty"`
}

// Facts are all that is looked at.
type Facts struct {
	Cluster   *v1alpha1.Cluster
	Machines  []v1alpha1.Machine
	Snapshots []v1alpha1.EtcdSnapshot
	Saves     []v1alpha1.EtcdSnapshotSave
	Restores  []v1alpha1.EtcdSnapshotRestore
	Leases    []coordination.Lease
	Now       time.Time
}

// Examine returns what is wrong, the worst first.
func Examine(f Facts) []Finding {
	e := &examination{Facts: f, name: f.Cluster.Name, found: []Finding{}}
	e.operations()
	e.members()
	for i := range f.Machines {
		e.machine(&f.Machines[i])
	}
	e.snapshots()
	e.settings()
	order := []Severity{Critical, Warning, Note}
	slices.SortStableFunc(e.found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity))
	})
	return e.found
}

type examination struct {
	Facts
	name  string
	found []Finding
}

func (e *examination) add(s Severity, subject, problem, next string) {
	e.found = append(e.found, Finding{s, subject, problem, next})
}

// silentAfter is when a machine that renews its lease each minute counts as gone.
const silentAfter = 3 * time.Minute

// silent tells since when a machine was not heard of; 0 when it was.
func (e *examination) silent(machine string) (since time.Duration, ever bool) {
	for _, l := range e.Leases {
		if l.Name == machine && l.Spec.RenewTime != nil {
			since = e.Now.Sub(l.Spec.RenewTime.Time)
			if since < silentAfter {
				since = 0
			}
			return since, true
		}
	}
	return 0, false
}

// answers tells whether a machine was heard of lately.
func (e *examination) answers(machine string) bool {
	since, ever := e.silent(machine)
	return ever && since == 0
}

func (e *examination) cluster() string { return "cluster " + e.name }

func (e *examination) getMachine(name string) string {
	return fmt.Sprintf("holdfast machine get %s -n %s", name, e.Cluster.Namespace)
}
