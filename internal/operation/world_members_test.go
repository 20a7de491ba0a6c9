package operation

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// members is a model of the membership of one etcd cluster, whose data is "live".
type members struct {
	// table by id; a machine's name is in it once at most.
	table map[string]peer
	next  int
	// forbidden is the data that must never run again.
	forbidden string
}

type peer struct {
	machine string
	learner bool
}

const live, liveID = "live", "c1ce"

// liveWorld is a cluster of a and b, and machine c: with data of before the last restore, fenced, or in the table with data
// that is lost.
func liveWorld(t interface{ Fatalf(string, ...any) }, stale bool, others ...string) *world {
	w := newWorld(t, append([]string{"a", "b", "c"}, others...)...)
	w.cluster.Status.RestoreEpoch = 1
	w.members = &members{table: map[string]peer{"a": {"a", false}, "b": {"b", false}}, next: 100}
	for name, n := range w.nodes {
		n.data, n.epoch = live, 1
		n.Status.EtcdConfig = &v1alpha1.EtcdMemberConfig{Name: "member-" + name, PeerURLs: []string{"https://" + name + ":2380"}}
	}
	c := w.nodes["c"]
	if c.data = "lost"; stale {
		w.members.forbidden = "ancient"
		c.data, c.epoch, c.fenced, c.running = "ancient", 0, true, false
	} else {
		w.members.table["c"] = peer{"c", false}
	}
	w.members.reflect(w)
	return w
}

// reflect makes the machines report how they are.
func (m *members) reflect(w *world) {
	if m == nil {
		return
	}
	var table []v1alpha1.PeerMember
	ids := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(m.table)) {
		p := m.table[id]
		one := v1alpha1.PeerMember{ID: id, PeerURLs: []string{"https://" + p.machine + ":2380"}, Learner: p.learner}
		if n := w.nodes[p.machine]; !p.learner || n.data == live && n.running {
			one.Name = "member-" + p.machine
		}
		table = append(table, one)
		ids[p.machine] = id
	}
	for name, n := range w.nodes {
		if n.down || n.cut {
			continue
		}
		n.Status.RestoreEpoch = n.epoch
		n.Status.Etcd = nil
		if n.running && n.data == live && ids[name] != "" {
			n.Status.Etcd = &v1alpha1.EtcdMember{ID: ids[name], ClusterID: liveID, Name: "member-" + name, Role: "follower", Members: table, RaftIndex: 9, Size: resource.NewQuantity(3<<30, resource.BinarySI)}
			if m.table[ids[name]].learner {
				n.Status.Etcd.Role, n.Status.Etcd.Members = "learner", nil
			}
		}
		n.healthy(n.Status.Etcd != nil && m.quorum(w))
		n.condition(v1alpha1.MachineFenced, n.fenced)
		n.condition(v1alpha1.MachineStale, n.epoch < w.cluster.Status.RestoreEpoch)
	}
}

func (n *node) condition(kind string, yes bool) {
	if yes {
		n.Status.Conditions = append(n.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Model"})
	}
}

// quorum tells whether a majority of those with a vote runs.
func (m *members) quorum(w *world) bool {
	voters, up := 0, 0
	for _, p := range m.table {
		if p.learner {
			continue
		}
		voters++
		if n := w.nodes[p.machine]; n.running && !n.down && n.data == live {
			up++
		}
	}
	return up > voters/2
}

// guard checks that a change of ours does not cost a quorum that is there.
func (m *members) guard(w *world, what string, change func()) {
	before := m.quorum(w)
	change()
	if before && !m.quorum(w) {
		w.t.Fatalf("%s costs the quorum: %v", what, m.table)
	}
}

func (m *members) mayStart(w *world, n *node) {
	if m != nil && m.forbidden != "" && n.data == m.forbidden {
		w.t.Fatalf("%s starts data of before a restore", n.Name)
	}
}

// change does a step that is about members.
func (m *members) change(w *world, n *node, s v1alpha1.PlanStep) (any, error) {
	undoTo := func(back func()) { n.undo = append(n.undo, undo{s.ID, back}) }
	switch step.Kind(s.Kind) { //nolint:exhaustive // see perform
	case step.AdmitMember:
		return m.admit(w, n, settingsOf[step.AdmitSettings](s), undoTo)
	case step.JoinEtcd:
		if n.data != "" || n.running {
			w.t.Fatalf("%s joins over %q, running %v", n.Name, n.data, n.running)
		}
		undoTo(func() { n.data = "" })
		n.data = live
	case step.PromoteMember:
		set := settingsOf[step.AdmitEvidence](s)
		p, ok := m.table[set.MemberID]
		if !ok {
			return nil, fmt.Errorf("there is no member %s", set.MemberID)
		}
		joined := w.nodes[p.machine]
		if !m.quorum(w) || !n.running || joined.down || !joined.running || joined.data != live {
			return nil, errWaits
		}
		m.guard(w, "promotion", func() { m.table[set.MemberID] = peer{p.machine, false} })
	}
	return nil, nil
}

func (m *members) admit(w *world, n *node, set step.AdmitSettings, undoTo func(func())) (any, error) {
	if set.ClusterID != liveID {
		w.t.Fatalf("a member of %s is admitted", set.ClusterID)
	}
	if !n.running || !m.quorum(w) {
		return nil, errWaits
	}
	for _, id := range set.Remove {
		if p, ok := m.table[id]; ok && w.nodes[p.machine].running {
			w.t.Fatalf("member %s is removed while it runs", id)
		}
		m.guard(w, "removal", func() { delete(m.table, id) })
	}
	for id, p := range m.table {
		if p.machine == set.Machine && p.learner {
			return step.AdmitEvidence{ClusterID: liveID, MemberID: id}, nil
		}
		if p.machine == set.Machine {
			w.t.Fatalf("%s is admitted twice", set.Machine)
		}
	}
	m.next++
	id := fmt.Sprintf("%x", m.next)
	undoTo(func() {
		if !m.table[id].learner {
			w.t.Fatalf("a member with a vote is taken back")
		}
		delete(m.table, id)
	})
	m.table[id] = peer{set.Machine, true}
	return step.AdmitEvidence{ClusterID: liveID, MemberID: id}, nil
}

func (m *members) healthy(w *world, n *node, set step.HealthySettings) error {
	p, ok := m.table[set.MemberID]
	if !ok || set.ClusterID != liveID || p.machine != n.Name {
		w.t.Fatalf("%s waits for member %s of %s: %v", n.Name, set.MemberID, set.ClusterID, m.table)
	}
	if !n.running || n.data != live || !m.quorum(w) || p.learner && !set.Learner {
		return errWaits
	}
	return nil
}

// nextUID is one that no operation had before.
func (w *world) nextUID() types.UID {
	w.members.next++
	return types.UID(fmt.Sprintf("%08x-0000-0000-0000-000000000000", w.members.next))
}
