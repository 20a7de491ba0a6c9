package operation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// world is a model of what operations work on: machines whose agents go by their plans, a clock, a lock. Everything that
// is stored goes through JSON, as in the API.
type world struct {
	t       interface{ Fatalf(string, ...any) }
	now     time.Time
	cluster *v1alpha1.Cluster
	nodes   map[string]*node
	holder  *v1alpha1.PlanOperation
	catalog []v1alpha1.EtcdSnapshot
	events  []Event
	handed  map[string]string // settings by machine and step id
	writes  int
	crashAt int // the write after which the manager dies; 0: never
	// alone: the restored cluster has one member.
	alone bool
	// committed: a restore has passed its commit point.
	committed bool
	sequence  []string
	// members of the etcd cluster that runs, where restores change them one by one; nil elsewhere.
	members *members
	// joining, where one machine is restored and the others join it; nil elsewhere.
	joining *joining
	// became is what the last commit point has made of the cluster.
	became Becomes
	last   *v1alpha1.EtcdSnapshotRestore
}

// node is a machine, its agent and what is on its disk.
type node struct {
	Machine
	// down: powered off. cut: cut off from the manager. absent: somebody has said that it is off.
	down, cut, absent bool
	// seenPlan is the plan that the agent goes by.
	seenPlan v1alpha1.MachinePlanSpec
	results  []v1alpha1.PlanResult
	// journal is what the agent knows of operations before this one.
	journal map[string][]v1alpha1.PlanResult
	// do overrides what a kind of step comes to.
	do map[step.Kind]func() (any, error)
	disk
}

// disk is what a restore changes.
type disk struct {
	fenced, running, ran bool
	data, aside          string // which data: "old", or bytes and initial cluster of a restore
	epoch                int64
	undo                 []undo
	committed            bool
	local
}

// undo is the way back of one step.
type undo struct {
	id   string
	back func()
}

const uid = "0a1b2c3d-0000-0000-0000-000000000000"

func newWorld(t interface{ Fatalf(string, ...any) }, machines ...string) *world {
	w := &world{t: t, now: time.Date(2026, 11, 22, 2, 47, 0, 0, time.UTC), nodes: map[string]*node{}, handed: map[string]string{}}
	w.cluster = &v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd}, Status: v1alpha1.ClusterStatus{ID: "c-9dmxz"}}
	var table []v1alpha1.PeerMember
	for i, name := range machines {
		table = append(table, v1alpha1.PeerMember{ID: fmt.Sprintf("%x", 10+i), Name: "member-" + name, PeerURLs: []string{"https://" + name + ":2380"}})
	}
	for i, name := range machines {
		n := &node{do: map[step.Kind]func() (any, error){}, journal: map[string][]v1alpha1.PlanResult{}}
		n.Name, n.Plan.Name, n.Alive = name, name, true
		n.Spec.Roles, n.Spec.Distro = []v1alpha1.Role{v1alpha1.RoleEtcd}, v1alpha1.DistroEtcd
		n.disk = disk{running: true, data: "old"}
		n.Status.Etcd = &v1alpha1.EtcdMember{
			ID: table[i].ID, Name: table[i].Name, Role: "follower", Members: table, Revision: 5000, RaftIndex: 6000, Version: "3.6.5",
		}
		if i == 0 {
			n.Status.Etcd.Role = "leader"
		}
		n.healthy(true)
		w.nodes[name] = n
	}
	return w
}

func (n *node) healthy(yes bool) {
	status := metav1.ConditionFalse
	if yes {
		status = metav1.ConditionTrue
	}
	n.Status.Conditions = []metav1.Condition{{Type: v1alpha1.MachineEtcdHealthy, Status: status, Reason: "Model", Message: "no leader"}}
}

// observe is what the manager reads.
func (w *world) observe() *Observed {
	o := &Observed{Now: w.now, Cluster: w.cluster, Snapshots: w.catalog, Holder: w.holder, Last: w.last}
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		n := w.nodes[name]
		n.Alive = !n.down && !n.cut
		if n.Alive {
			n.Seen = w.now
		}
		if n.Seen.IsZero() {
			n.Seen = w.now.Add(-time.Hour)
		}
		o.Machines = append(o.Machines, Machine{Machine: *n.DeepCopy(), Plan: *n.Plan.DeepCopy(), Alive: n.Alive, Seen: n.Seen})
	}
	return o
}

func clone[T any](v T) T {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var c T
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}

// stored tells whether a write reaches the API before the manager dies.
func (w *world) stored() bool {
	w.writes++
	return w.crashAt == 0 || w.writes < w.crashAt
}

// dead tells whether the manager has died.
func (w *world) dead() bool { return w.crashAt != 0 && w.writes >= w.crashAt }

// apply does what a decision says, in the order in which the controller does it.
func (w *world) apply(op v1alpha1.PlanOperation, d Decision) {
	if d.Epoch > w.cluster.Status.RestoreEpoch && w.stored() {
		w.cluster.Status.RestoreEpoch = d.Epoch
		w.became = d.Becomes
	}
	switch {
	case d.Lock == LockTake && w.holder == nil && w.stored():
		w.holder = &op
	case d.Lock == LockRelease && w.holder != nil && w.holder.UID == op.UID && w.stored():
		w.holder = nil
	}
	for _, name := range slices.Sorted(maps.Keys(d.Plans)) {
		if !w.stored() {
			return
		}
		w.hand(w.nodes[name], d.Plans[name])
	}
	w.events = append(w.events, d.Events...)
}

// hand stores a plan, and checks what holds for every plan.
func (w *world) hand(n *node, p v1alpha1.MachinePlanSpec) {
	if p.Serial <= n.Plan.Spec.Serial {
		w.t.Fatalf("%s: serial %d after %d", n.Name, p.Serial, n.Plan.Spec.Serial)
	}
	if w.committed && p.Undo && !n.Plan.Spec.Undo {
		w.t.Fatalf("%s is to undo after the commit point", n.Name)
	}
	for _, s := range p.Steps {
		key := fmt.Sprint(n.Name, " ", p.Operation.UID, " ", s.ID)
		settings := s.Kind
		if s.Settings != nil {
			settings += string(s.Settings.Raw)
		}
		if before, ok := w.handed[key]; ok && before != settings {
			w.t.Fatalf("%s was handed out as %s, then as %s", key, before, settings)
		}
		w.handed[key] = settings
		if s.Deadline.IsZero() {
			w.t.Fatalf("%s has no deadline", key)
		}
	}
	n.Plan.Spec = clone(p)
}

// agents let every agent see its plan and do what it can; returns whether anything happened.
func (w *world) agents() bool {
	busy := false
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		n := w.nodes[name]
		if n.down || n.cut {
			continue
		}
		if n.see() {
			busy = true
		}
		if w.advance(n) {
			busy = true
		}
		if !n.cut && !n.down {
			n.report()
		}
	}
	return busy
}

// see takes over a new plan.
func (n *node) see() bool {
	if n.Plan.Spec.Serial <= n.seenPlan.Serial {
		return false
	}
	next := clone(n.Plan.Spec)
	if old := n.seenPlan.Operation; old != nil && (next.Operation == nil || next.Operation.UID != old.UID) {
		if len(n.undo) > 0 && !n.committed {
			return false // unfinished: the agent takes no other plan
		}
		n.journal[old.UID] = n.results
		n.results, n.undo, n.committed = nil, nil, false
	}
	if next.Operation != nil && n.results == nil {
		n.results = n.journal[next.Operation.UID]
	}
	n.seenPlan = next
	return true
}

func (n *node) report() {
	n.Plan.Status.Serial = n.seenPlan.Serial
	n.Plan.Status.Results = clone(n.results)
}

// advance does the next step, or takes back the last.
func (w *world) advance(n *node) bool {
	if n.seenPlan.Undo {
		for i := len(n.results) - 1; i >= 0; i-- {
			if n.results[i].Outcome == v1alpha1.StepUndone {
				continue
			}
			w.sequence = append(w.sequence, n.Name+" undo "+n.results[i].ID)
			n.takeBack(n.results[i].ID)
			n.results[i].Outcome = v1alpha1.StepUndone
			return true
		}
		return false
	}
	for _, s := range n.seenPlan.Steps {
		i := slices.IndexFunc(n.results, func(r v1alpha1.PlanResult) bool { return r.ID == s.ID })
		if i < 0 {
			w.sequence = append(w.sequence, n.Name+" "+s.Kind)
			n.results = append(n.results, w.attempt(n, s))
			return true
		}
		switch n.results[i].Outcome {
		case v1alpha1.StepFailed:
			return false
		case v1alpha1.StepRunning:
			n.results[i] = w.attempt(n, s)
			return n.results[i].Outcome != v1alpha1.StepRunning
		}
	}
	return false
}

// attempt does a step, or goes on waiting.
func (w *world) attempt(n *node, s v1alpha1.PlanStep) v1alpha1.PlanResult {
	r := v1alpha1.PlanResult{ID: s.ID, Outcome: v1alpha1.StepDone}
	if !w.now.Before(s.Deadline.Time) {
		r.Outcome, r.Message = v1alpha1.StepFailed, "not done in time"
		return r
	}
	found, err := w.perform(n, s)
	if err == nil && n.do[step.Kind(s.Kind)] != nil {
		found, err = n.do[step.Kind(s.Kind)]()
	}
	switch {
	case errors.Is(err, errWaits):
		r.Outcome, r.Message = v1alpha1.StepRunning, err.Error()
	case err != nil:
		r.Outcome, r.Message = v1alpha1.StepFailed, err.Error()
	case found != nil:
		r.Evidence = encode(found)
	}
	return r
}

// settle lets manager and agents work until limit has passed.
func (w *world) settle(decide func() bool, limit time.Duration) {
	turns := 0
	for end := w.now.Add(limit); w.now.Before(end); turns++ {
		worked := w.agents()
		decided := decide()
		if turns > 5000 {
			w.t.Fatalf("it turns in circles at %v", w.now)
		}
		if !worked && (!decided || w.dead()) {
			w.now = w.now.Add(30 * time.Second)
		}
	}
}
