package fleet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// quorumLost: two of three servers are gone, and the third has its data; then once more, and it has none.
func quorumLost(t *testing.T, f distro.Flavor) {
	a := adopt(t, f, 3)
	survivor, gone := a.Lab.Nodes[0], a.Lab.Nodes[1:]
	r := a.opens(t, "k3s-quorum-lost.md", map[string]string{"SURVIVOR": survivor.Name, "GONE": names(gone), "KUBECTL": a.kubectl()})
	a.put(t, "test-a", "saved")
	a.save(t)
	a.put(t, "test-b", "unsaved")
	a.loses(t, gone)
	a.awaitRevision(t, survivor)
	r.follows(t, "1. Is a restore the right thing?", "3. Restore", "4. Check")
	r.bringsBack(t, gone, "test-a=saved test-b=unsaved")

	a.put(t, "test-c", "lost") // section 5 has taken a snapshot before
	a.loses(t, gone)
	_, err := survivor.Run(t.Context(), "sh", "-ec", f.Name+"-killall.sh; rm -rf "+f.DataDir()+"/server/db/etcd")
	do(t, err)
	a.awaitUnhealthy(t, survivor)
	r.follows(t, "No server has its data", "4. Check")
	r.bringsBack(t, gone, "test-a=saved test-b=unsaved")
	r.isDone(t)
}

// awaitRevision waits for what the page says: without a quorum the server restarts once.
func (a *adoption) awaitRevision(t *testing.T, n *lab.Node) {
	t.Helper()
	do(t, lab.Until(t.Context(), "the revision of "+n.Name, func(ctx context.Context) error {
		m, err := a.Machine(ctx, n.Name)
		if err == nil && m.Status.Etcd == nil {
			err = errors.New("its member does not answer")
		}
		return err
	}))
}

// bringsBack switches the others on, each when the one before is back.
func (r *reader) bringsBack(t *testing.T, gone []*lab.Node, want string) {
	t.Helper()
	for _, n := range gone {
		do(t, n.Start(t.Context()))
		r.servesOn(t, []*lab.Node{n}, want)
	}
	r.looks(t, "5. Bring the others back")
	r.isBack(t, r.Lab.Nodes, want)
	r.allVote(t)
}
