package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// All servers are down at once; two of three are lost for good; one is lost with its disk. One server is enough, and one outage,
// unless HOLDFAST_SOAK=1 takes three, with both distributions.
func TestAClusterThatIsDownComesBack(t *testing.T) {
	t.Parallel()
	servers := 1
	if soaking() {
		servers = 3
	}
	for _, f := range flavours(distro.RKE2()) {
		t.Run(f.Name, func(t *testing.T) {
			a := adopt(t, f, servers)
			a.put(t, "test-a", "saved")
			made := a.save(t)
			uri := a.inS3(t, made[0])
			t.Run("from S3", func(t *testing.T) { a.comesUpAgain(t, "--s3-uri", uri) })
			if !soaking() {
				return
			}
			t.Run("from a machine", func(t *testing.T) { a.comesUpAgain(t, "--snapshot", made[0]) })
			t.Run("by the one member that is left, which loses nothing", a.survives)
			t.Run("and a new machine takes the place of a lost one", a.replacesAMachine)
		})
	}
}

// goDown stops everything on all machines, and waits until the manager knows.
func (a *adoption) goDown(t *testing.T) {
	t.Helper()
	for _, n := range a.Lab.Nodes {
		_, err := n.Run(t.Context(), a.flavour.Name+"-killall.sh")
		do(t, err)
	}
	for _, n := range a.Lab.Nodes {
		a.awaitUnhealthy(t, n)
	}
}

func (a *adoption) comesUpAgain(t *testing.T, source ...string) {
	a.put(t, "test-lost", "new")
	a.goDown(t)
	a.run(t, append([]string{"restore", "create", name, "--yes"}, source...)...)
	a.serves(t, "test-a=saved")
	a.leavesNothing(t)
}

// survives loses two machines of three. What the last one holds and no snapshot has is kept, and the others join it when they
// are back, with what they hold beside the new.
func (a *adoption) survives(t *testing.T) {
	left, gone := a.Lab.Nodes[0], a.Lab.Nodes[1:3]
	a.put(t, "test-newest", "unsaved")
	run := a.restartCounts(t)[left.Name]
	for _, n := range gone {
		do(t, n.PowerCut(t.Context()))
	}
	a.awaitAnswering(t, 1)
	a.awaitAlone(t, left, run)
	a.run(t, "restore", "create", name, "--survivor", left.Name, "--confirm-powered-off", gone[0].Name+","+gone[1].Name, "--yes")
	a.servesOn(t, a.Lab.Nodes[:1], "test-a=saved test-newest=unsaved")
	for _, n := range gone { // one after the other: two of the old members would have a quorum
		do(t, n.Start(t.Context()))
		a.awaitRejoinedServer(t, n)
	}
	a.serves(t, "test-a=saved test-newest=unsaved")
	a.hasMembers(t, "node1-", "node2-", "node3-")
}

// awaitAlone waits until a server has ended itself for want of a quorum, was started again, and the manager sees its member.
func (a *adoption) awaitAlone(t *testing.T, n *lab.Node, run string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, n.Name+" to run again", func(ctx context.Context) error {
		now, err := n.Run(ctx, "systemctl", "show", "-p", "InvocationID", a.distro.Unit(n))
		if err == nil && now == run {
			err = errors.New("it is " + now)
		}
		return err
	}))
	a.awaitUnhealthy(t, n)
	do(t, lab.Until(ctx, "the manager to see the member on "+n.Name, func(ctx context.Context) error {
		m, err := a.Machine(ctx, n.Name)
		if err == nil && m.Status.Etcd == nil {
			err = errors.New("it sees none")
		}
		return err
	}))
}

// awaitRejoinedServer waits until a machine that missed a restore is back, by a restore of the manager's own.
func (a *adoption) awaitRejoinedServer(t *testing.T, n *lab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, n.Name+" to be a member again", func(ctx context.Context) error {
		var r v1alpha1.EtcdSnapshotRestore
		err := a.Read(ctx, &r, "restore", "status", name, "rejoin-"+n.Name+"-1")
		if err == nil && r.Status.Outcome != v1alpha1.OutcomeRestored {
			err = fmt.Errorf("its restore is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
		}
		return err
	}))
}

// hasMembers checks that etcd has one member for each of these beginnings, and no other.
func (a *adoption) hasMembers(t *testing.T, beginnings ...string) {
	t.Helper()
	members, err := a.distro.Members(t.Context(), a.Lab.Nodes[0])
	do(t, err)
	if !slices.EqualFunc(members, beginnings, strings.HasPrefix) {
		t.Errorf("members %v, want %v", members, beginnings)
	}
}

// replacesAMachine loses the third machine with its disk. Another one gets its name and takes its place, while the cluster
// goes on serving.
func (a *adoption) replacesAMachine(t *testing.T) {
	lost, rest := a.Lab.Nodes[2], a.Lab.Nodes[:2]
	do(t, lost.PowerCut(t.Context()))
	a.awaitAnswering(t, 2)
	added, err := a.Lab.Add(t.Context(), 1)
	do(t, err)
	n := added[0]
	_, err = n.Run(t.Context(), "hostname", lost.Name)
	do(t, err)
	do(t, a.distro.Enlarge(t.Context(), n))
	do(t, a.Join(t.Context(), n, name, "--role", "etcd,control-plane", "--replace", lost.Name))
	a.awaitAnswering(t, 3)
	a.awaitUnhealthy(t, lost) // by its name, the new one

	end := a.watchAPIOf(t, rest)
	a.run(t, "restore", "create", name, "--replace", lost.Name, "--yes")
	end()
	a.servesOn(t, rest, "test-a=saved test-newest=unsaved")
	a.hasMembers(t, "node1-", "node2-", "node3-")
	got, err := a.distro.Kubectl(t.Context(), rest[0], "get", "node", lost.Name, "-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`)
	do(t, err)
	if got != n.Address {
		t.Errorf("its Node is at %s, not %s", got, n.Address)
	}
}
