package fleet_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// soaking: the long run does all of a matrix of which one sample is enough otherwise.
func soaking() bool { return os.Getenv("HOLDFAST_SOAK") == "1" }

// Machines for etcd alone need an API server to be seen, and those for the control plane an etcd to serve. The smallest
// cluster of its kind; HOLDFAST_SOAK=1 makes it of three, two and two, with both distributions.
func TestMachinesWithRolesOfTheirOwnAreCaredForAndRestored(t *testing.T) {
	t.Parallel()
	flavours, etcds, controls, workers := []distro.Flavor{distro.K3s()}, 1, 1, 2
	if soaking() {
		flavours, etcds, controls, workers = append(flavours, distro.RKE2()), 3, 2, 2
	}
	for _, f := range flavours {
		t.Run(f.Name, func(t *testing.T) {
			a := adoptAs(t, f, etcds+controls+workers, func(cfg *standin.Config, nodes []*lab.Node) {
				cfg.Servers, cfg.Control, cfg.Agents = nodes[:etcds], nodes[etcds:etcds+controls], nodes[etcds+controls:]
			})
			r := &separated{adoption: a, etcd: a.Lab.Nodes[:etcds], control: a.Lab.Nodes[etcds : etcds+controls], workers: a.Lab.Nodes[etcds+controls:]}
			t.Run("each says what it is, and those without etcd save nothing", r.saveNothing)
			t.Run("nothing was restarted", a.isUntouched)
			t.Run("all come back, without waiting for a worker that is silent", r.areRestored)
			t.Run("the silent worker finds the cluster again", r.isFoundAgain)
		})
	}
}

// separated is a cluster whose machines have one role each.
type separated struct {
	*adoption
	etcd, control, workers []*lab.Node
}

func (s *separated) saveNothing(t *testing.T) {
	want := slices.Concat(slices.Repeat([]string{"etcd"}, len(s.etcd)), slices.Repeat([]string{"control-plane"}, len(s.control)), slices.Repeat([]string{"worker"}, len(s.workers)))
	if !slices.Equal(s.roles, want) {
		t.Errorf("they were imported as %q", s.roles)
	}
	without := append(slices.Clone(s.control), s.workers...)
	for _, n := range without {
		join := ""
		if slices.Contains(s.control, n) {
			join = s.distro.SupervisorURL(n)
		}
		m := s.awaitDistribution(t, n)
		d := m.Status.Distribution
		if d.Datastore != v1alpha1.DatastoreNone || d.JoinURL != join || d.Joins != s.distro.SupervisorURL(s.etcd[0]) || d.Snapshots != nil {
			t.Errorf("%s: %+v", n.Name, d)
		}
		if m.Status.Etcd != nil || m.Status.DistroVersion != s.distro.Version() {
			t.Errorf("%s: %+v", n.Name, m.Status)
		}
	}
	if made := s.save(t); len(made) != len(s.etcd) {
		t.Errorf("a save made %v", made)
	}
	for _, n := range without {
		journal, err := n.Run(t.Context(), "journalctl", "-u", "holdfast-agent", "--no-pager", "-o", "cat")
		do(t, err)
		if strings.Contains(journal, "level=WARN") || strings.Contains(journal, "level=ERROR") {
			t.Errorf("%s complains:\n%s", n.Name, journal)
		}
	}
}

// silent is the worker that nobody can reach during the restore.
func (s *separated) silent() *lab.Node { return s.workers[len(s.workers)-1] }

func (s *separated) areRestored(t *testing.T) {
	s.putOn(t, s.control[0], "test-a", "saved")
	do(t, s.silent().CutNetwork(t.Context()))
	made := s.save(t)
	s.putOn(t, s.control[0], "test-b", "new")
	s.awaitAnswering(t, int32(len(s.Lab.Nodes)-1))
	s.remembers(t)
	init := s.etcd[len(s.etcd)-1]
	s.run(t, "restore", "create", name, "--snapshot", takenOn(t, made, init), "--yes")

	var r v1alpha1.EtcdSnapshotRestore
	do(t, s.Read(t.Context(), &r, "restore", "status", name))
	if r.Status.Outcome != v1alpha1.OutcomeRestored || r.Status.Plan.InitMachine != init.Name {
		t.Errorf("%s on %s: %s", r.Status.Outcome, r.Status.Plan.InitMachine, r.Status.Message)
	}
	if !slices.ContainsFunc(r.Status.Preflight, func(c v1alpha1.PreflightCheck) bool {
		return c.Machine == s.silent().Name && c.Outcome == "Warning" && strings.Contains(c.Message, "it is a worker, so nothing waits for it")
	}) {
		t.Errorf("nothing warns of %s: %+v", s.silent().Name, r.Status.Preflight)
	}
	s.startedInOrder(t, &r)
	s.serveWhere(t, s.control, "test-a=saved", s.Lab.Nodes[:len(s.Lab.Nodes)-1])
}

// startedInOrder: first the machine that is restored and a control plane that shows what it holds, then the rest of etcd, the
// control planes, the workers.
func (s *separated) startedInOrder(t *testing.T, r *v1alpha1.EtcdSnapshotRestore) {
	t.Helper()
	rank := map[string]int{}
	for i, group := range [][]*lab.Node{s.etcd, s.control, s.workers} {
		for _, n := range group {
			rank[n.Name] = i + 2
		}
	}
	rank[r.Status.Plan.InitMachine], rank[s.control[0].Name] = 0, 1
	var order []int
	for _, st := range r.Status.Steps {
		if st.Step == "StartDistro" {
			order = append(order, rank[st.Machine])
		}
		if st.Machine == s.silent().Name {
			t.Errorf("%s was to do %s", st.Machine, st.Step)
		}
	}
	if !slices.IsSorted(order) || len(order) != len(s.Lab.Nodes)-1 {
		t.Errorf("they were started in the order %v", order)
	}
}

func (s *separated) isFoundAgain(t *testing.T) {
	do(t, s.silent().Heal(t.Context()))
	s.awaitAnswering(t, int32(len(s.Lab.Nodes)))
	s.serveWhere(t, s.control, "test-a=saved", s.Lab.Nodes)
	s.leavesNothing(t)
	if made := s.save(t); len(made) != len(s.etcd) {
		t.Errorf("the next save made %v", made)
	}
}

// putOn writes a ConfigMap through the API server of a machine.
func (a *adoption) putOn(t *testing.T, n *lab.Node, object, value string) {
	t.Helper()
	_, err := a.distro.Kubectl(t.Context(), n, "create", "configmap", object, "--from-literal=value="+value)
	do(t, err)
}

// serveWhere waits until these API servers serve exactly what is wanted and take a write, and these Nodes are Ready: by what
// their kubelets say now.
func (a *adoption) serveWhere(t *testing.T, servers []*lab.Node, want string, ready []*lab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	for _, n := range servers {
		a.servesAndWrites(ctx, t, n, want)
	}
	for _, n := range ready {
		do(t, a.distro.Active(ctx, n))
		do(t, a.heartbeat(ctx, servers[0], n))
	}
}

// heartbeat waits until a Node is Ready by what its kubelet has said after the call.
func (a *adoption) heartbeat(ctx context.Context, api, n *lab.Node) error {
	ask := func(ctx context.Context) (string, error) {
		return a.distro.Kubectl(ctx, api, "get", "node", n.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].lastHeartbeatTime}`)
	}
	first := ""
	return lab.Until(ctx, "node "+n.Name+" to be ready", func(ctx context.Context) error {
		now, err := ask(ctx)
		if err == nil && first == "" {
			first = now
		}
		if err == nil && (now == first || !strings.HasPrefix(now, "True ")) {
			err = errors.New("it is ready: " + now)
		}
		return err
	})
}
