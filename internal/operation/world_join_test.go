package operation

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// joining is a model of clusters whose machines join one another: servers with etcd get their data from the one that they
// join, and one that joins nobody and holds nothing would begin a cluster of its own.
type joining struct {
	// init is the machine that may start before the commit point.
	init string
	// live: a cluster that runs, whose members the world knows; machines that start with no data become members.
	live bool
}

// local is what a machine of such a cluster has on its disk besides data.
type local struct {
	joins, version, config string
}

const restoredData, oldData, outside = "rev 4000", "old", "https://lb.example.org:6443"

// all are the roles of a machine that does everything.
var all = []v1alpha1.Role{v1alpha1.RoleEtcd, v1alpha1.RoleControlPlane, v1alpha1.RoleWorker}

func urlOf(machine string) string { return "https://" + machine + ":6443" }

// joinWorld is a k3s cluster of three servers, a being the first, with a snapshot on b and in S3. More machines have names
// that say what they are: "cp…" has a control plane alone, "w…" is a worker.
func joinWorld(t interface{ Fatalf(string, ...any) }, others ...string) *world {
	w := newWorld(t, "a", "b", "c")
	w.cluster.Spec.Distro, w.cluster.Status.InitMachine = v1alpha1.DistroK3s, "a"
	w.joining = &joining{}
	w.alone = true
	for _, name := range others {
		n := &node{do: map[step.Kind]func() (any, error){}, journal: map[string][]v1alpha1.PlanResult{}}
		n.Name, n.Plan.Name, n.Alive = name, name, true
		n.disk = disk{running: true}
		n.Spec.Roles = []v1alpha1.Role{v1alpha1.RoleWorker}
		if name[0] == 'c' {
			n.Spec.Roles = []v1alpha1.Role{v1alpha1.RoleControlPlane}
		}
		w.nodes[name] = n
	}
	for name, n := range w.nodes {
		n.Spec.Distro = v1alpha1.DistroK3s
		n.Status.DistroVersion, n.Status.Hostname = "v1.35.2+k3s1", name
		s := &v1alpha1.DistributionStatus{NodeName: name, Joins: urlOf("a"), JoinURL: urlOf(name), TokenDigest: "0123456789ab", Datastore: v1alpha1.DatastoreNone}
		switch {
		case n.has(v1alpha1.RoleEtcd):
			n.Spec.Roles = all
			s.Datastore = v1alpha1.DatastoreEtcd
			n.Status.Etcd.ClusterID = liveID
		case !n.has(v1alpha1.RoleControlPlane):
			s.JoinURL = ""
		}
		if name == "a" {
			s.Joins = ""
		}
		n.Status.Distribution = s
		n.joins, n.version = s.Joins, n.Status.DistroVersion
	}
	s := stored("snap", "b", "s3")
	s.Spec.Created, s.Spec.Revision = metav1.NewTime(w.now.Add(-47*60*1e9)), 4000
	s.Spec.KubernetesVersion, s.Spec.TokenDigest, s.Spec.Node = "v1.35.2+k3s1", "0123456789ab", "b"
	w.catalog = []v1alpha1.EtcdSnapshot{s}
	return w
}

// apart makes the machines with etcd such that have nothing else.
func (w *world) apart() {
	for _, n := range w.nodes {
		if n.has(v1alpha1.RoleEtcd) {
			n.Spec.Roles = []v1alpha1.Role{v1alpha1.RoleEtcd}
		}
	}
}

// change does a step that such clusters do in their own way; false for all others.
func (j *joining) change(w *world, n *node, s v1alpha1.PlanStep) (evidence any, err error, done bool) {
	if j == nil {
		return nil, nil, false
	}
	before := n.local
	undoTo := func(back func()) { n.undo = append(n.undo, undo{s.ID, back}) }
	switch step.Kind(s.Kind) {
	case step.PointServer:
		n.joins = settingsOf[step.PointSettings](s).Server
	case step.InstallDistro:
		n.version = settingsOf[step.InstallSettings](s).Version
	case step.WriteConfig:
		n.config = string(settingsOf[step.ConfigSettings](s).Config)
	case step.MoveAside:
		if n.running && n.has(v1alpha1.RoleEtcd) {
			w.t.Fatalf("the data of %s is moved while it runs", n.Name)
		}
		old := n.data
		undoTo(func() { n.data, n.aside, n.local = old, "", before })
		n.data, n.aside = "", old
		return nil, nil, true
	case step.ForgetNodes:
		if !n.running {
			w.t.Fatalf("%s is asked, and does not run", n.Name)
		}
		return nil, nil, true
	case step.AdmitMember:
		return w.members.remove(w, n, settingsOf[step.AdmitSettings](s)), nil, true
	case step.RestoreEtcd:
		if n.data != "" || n.running || n.joins != "" {
			w.t.Fatalf("%s is restored over %q, running %v, joining %q", n.Name, n.data, n.running, n.joins)
		}
		if s.Settings != nil && string(s.Settings.Raw) != "{}" {
			w.t.Fatalf("members are named for it: %s", s.Settings.Raw)
		}
		undoTo(func() { n.data = "" })
		j.init, n.data = n.Name, restoredData
		return step.RestoreEvidence{Revision: 4000, ContentHash: 7}, nil, true
	case step.StartDistro:
		j.mayStart(w, n)
		undoTo(func() { n.fenced, n.running = n.has(v1alpha1.RoleEtcd) || n.has(v1alpha1.RoleControlPlane), false })
		n.fenced, n.running = false, true
		return nil, nil, true
	case step.WaitHealthy:
		set := settingsOf[step.HealthySettings](s)
		if !set.Serves || n.has(v1alpha1.RoleEtcd) && n.Name != j.init && set.ClusterID == "" && !strings.Contains(s.ID, "-retry-") {
			w.t.Fatalf("%s may come up as it likes: %+v", n.Name, set)
		}
		if j.live {
			if set.ClusterID != liveID {
				w.t.Fatalf("%s joins cluster %s", n.Name, set.ClusterID)
			}
			return nil, w.members.joinBySelf(w, n), true
		}
		if !j.serves(w, n) {
			return nil, errWaits, true
		}
		return step.HealthyEvidence{Members: 1, Revision: 4000, ClusterID: "new"}, nil, true
	default:
		return nil, nil, false
	}
	if n.running && n.has(v1alpha1.RoleEtcd) {
		w.t.Fatalf("%s of %s, which runs", s.Kind, n.Name)
	}
	undoTo(func() {})
	return nil, nil, true
}

// mayStart checks that no second cluster can come of it.
func (j *joining) mayStart(w *world, n *node) {
	if j.live {
		w.members.mayStart(w, n)
		if n.data == "" && (n.joins == "" || n.joins == urlOf(n.Name)) {
			w.t.Fatalf("%s starts with no data, and joins %q", n.Name, n.joins)
		}
		return
	}
	switch {
	case n.Name != j.init && !w.committed && !j.isFront(w, n):
		w.t.Fatalf("%s is started before the commit point", n.Name)
	case n.Name == j.init && n.data != restoredData:
		w.t.Fatalf("the init machine starts %q", n.data)
	}
	j.alone(w, n)
}

// isFront tells whether a machine may serve the API for an init machine without one: it has no etcd, and joins that.
func (j *joining) isFront(w *world, n *node) bool {
	init := w.nodes[j.init]
	return init != nil && !init.has(v1alpha1.RoleControlPlane) && n.has(v1alpha1.RoleControlPlane) && !n.has(v1alpha1.RoleEtcd) &&
		(n.joins == urlOf(j.init) || n.joins == outside)
}

// alone checks that a machine that starts has data, or joins the cluster.
func (j *joining) alone(w *world, n *node) {
	if n.has(v1alpha1.RoleEtcd) && n.data == "" && n.joins != urlOf(j.init) {
		w.t.Fatalf("%s starts with no data, and joins %q instead of %s", n.Name, n.joins, j.init)
	}
}

// serves tells whether a machine has come up, and lets one with etcd get its data.
func (j *joining) serves(w *world, n *node) bool {
	if !n.running {
		return false
	}
	if n.Name == j.init && n.data != "" {
		return true
	}
	i := slices.IndexFunc(w.up(), func(other *node) bool { return n.joins == outside || n.joins == urlOf(other.Name) })
	if i < 0 && n.data == "" {
		return false
	}
	if n.has(v1alpha1.RoleEtcd) && n.data == "" {
		n.data = w.up()[i].data
	}
	return true
}

// up are the servers that have data and run.
func (w *world) up() []*node {
	var list []*node
	for _, n := range w.nodes {
		if n.running && !n.down && n.data != "" {
			list = append(list, n)
		}
	}
	return list
}

// remove takes members away; nothing is added.
func (m *members) remove(w *world, n *node, set step.AdmitSettings) step.AdmitEvidence {
	if set.ClusterID != liveID || !n.running {
		w.t.Fatalf("%s, running %v, changes members of %s", n.Name, n.running, set.ClusterID)
	}
	for _, id := range set.Remove {
		if p, ok := m.table[id]; ok && w.nodes[p.machine].running {
			w.t.Fatalf("member %s is removed while it runs", id)
		}
		m.guard(w, "removal", func() { delete(m.table, id) })
	}
	return step.AdmitEvidence{ClusterID: liveID}
}

// joinBySelf makes a machine that runs with no data a member, with a vote as soon as the others agree.
func (m *members) joinBySelf(w *world, n *node) error {
	if !n.running || !m.quorum(w) {
		return errWaits
	}
	if n.data == "" {
		m.next++
		n.data = live
		m.table[fmt.Sprintf("%x", m.next)] = peer{n.Name, false}
	}
	return nil
}
