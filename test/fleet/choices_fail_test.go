package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// What else can be in the way of a version. The cluster is of the newer age when each of these begins.

// isBrought takes the older program away from one machine. The restore is refused before anything is stopped, and says where
// to bring it; there it is found.
func (h *history) isBrought(t *testing.T) {
	ctx, n := t.Context(), h.Lab.Nodes[1]
	_, err := n.Run(ctx, "sh", "-ec", "rm -r /var/lib/holdfast/artifacts/"+h.before.version)
	do(t, err)
	args := []string{"restore", "create", name, "--snapshot", h.before.snapshot, "--restore-config", "kubernetesVersion", "--yes"}
	out, err := h.Run(ctx, args...)
	if err == nil || !strings.Contains(err.Error(), n.Name+" ArtifactPresent") || !strings.Contains(err.Error(), "artifacts.dir") {
		t.Errorf("%s, %v", out, err)
	}
	h.is(t, &h.after, h.after.version, &h.after)

	_, err = n.Run(ctx, "sh", "-ec", "echo 'artifacts: {dir: /opt/distro}' >> /etc/holdfast/agent.yaml; systemctl restart holdfast-agent")
	do(t, err)
	do(t, h.Ready(ctx, name, len(h.Lab.Nodes)))
	h.brings(t, &h.before, v1alpha1.RestoreKubernetesVersion)
	h.is(t, &h.before, h.before.version, &h.after)
	h.brings(t, &h.after, v1alpha1.RestoreAll)
	h.is(t, &h.after, h.after.version, &h.after)
}

// isTakenBack lets the reset fail, when version and configuration have been brought to all machines.
func (h *history) isTakenBack(t *testing.T) {
	for _, n := range h.Lab.Nodes {
		was, err := n.ReadFile(profile.Path)
		do(t, err)
		do(t, n.WriteFile(profile.Path, []byte("resetShutdown: failed to save bootstrap data\n"), 0o644))
		t.Cleanup(func() { _ = n.WriteFile(profile.Path, was, 0o644) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout)
	defer cancel()
	out, err := h.Run(ctx, "restore", "create", name, "--snapshot", h.before.snapshot, "--restore-config", "all", "--yes")
	if err == nil {
		t.Errorf("it went well: %s", out)
	}
	var r v1alpha1.EtcdSnapshotRestore
	do(t, h.Read(ctx, &r, "restore", "status", name))
	if r.Status.Outcome != v1alpha1.OutcomeRolledBack {
		t.Errorf("%s: %s", r.Status.Outcome, r.Status.Message)
	}
	h.is(t, &h.after, h.after.version, &h.after)
}

// comesLater restores while nobody can reach one machine. When it is back it has the newer version, and must not bring it to
// the others.
func (h *history) comesLater(t *testing.T) {
	gone := h.Lab.Nodes[len(h.Lab.Nodes)-1]
	if h.before.made.Spec.Node == gone.Name {
		gone = h.Lab.Nodes[0]
	}
	do(t, gone.CutNetwork(t.Context()))
	h.awaitAnswering(t, int32(len(h.Lab.Nodes)-1))
	h.brings(t, &h.before, v1alpha1.RestoreAll, "--confirm-powered-off", gone.Name)
	do(t, gone.Heal(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, gone.Name+" to be a member again", func(ctx context.Context) error {
		var r v1alpha1.EtcdSnapshotRestore
		err := h.Read(ctx, &r, "restore", "status", name, "rejoin-"+gone.Name+"-1")
		if err == nil && r.Status.Outcome != v1alpha1.OutcomeRestored {
			err = fmt.Errorf("its restore is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
		}
		return err
	}))
	h.is(t, &h.before, h.before.version, &h.before)
}
