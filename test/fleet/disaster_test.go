package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// Every server is lost, and comes back on machines with other names and addresses, from S3 alone. Nobody has told the new
// machines the cluster's token: the restore's Secret has it, or opens what does.
func TestAClusterWhoseServersAreAllLostComesBackOnNewMachines(t *testing.T) {
	t.Parallel()
	for _, f := range flavours(distro.K3s()) {
		t.Run(f.Name, func(t *testing.T) {
			a := adopt(t, f, 1)
			identity := a.escrows(t)
			t.Run("with the token from the operator", func(t *testing.T) {
				a.comesBackOnNewMachines(t, "token="+standin.Token, 2, 0)
			})
			t.Run("with the token from the escrow in S3, which workers get too", func(t *testing.T) {
				a.comesBackOnNewMachines(t, "ageIdentity="+identity, 1, 1)
			})
		})
	}
}

// escrows names a recipient for the cluster's escrow, and returns the identity that opens it.
func (a *adoption) escrows(t *testing.T) string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	do(t, err)
	do(t, a.Patch(t.Context(), "cluster", name, name, fmt.Sprintf(`{"spec":{"escrowRecipients":[%q]}}`, identity.Recipient())))
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "an escrow in the bucket", func(context.Context) error {
		a.save(t)
		all, err := a.minio.Objects(t.Context(), bucket, folder)
		if err == nil && !slices.ContainsFunc(all, func(object string) bool { return strings.HasSuffix(object, ".age") }) {
			err = fmt.Errorf("there are %v", all)
		}
		return err
	}))
	return identity.String()
}

// comesBackOnNewMachines saves the cluster, loses all machines at once, and restores it on so many new servers and workers.
func (a *adoption) comesBackOnNewMachines(t *testing.T, secret string, servers, workers int) {
	old, object := a.distro.Nodes(), "test-"+strings.ToLower(secret[:3])
	a.putOn(t, old[0], object, "saved")
	want, err := a.has(t.Context(), old[0])
	do(t, err)
	made := a.save(t)
	a.putOn(t, old[0], object+"-later", "lost")
	for _, n := range old {
		do(t, n.PowerCut(t.Context()))
		a.run(t, "machine", "delete", n.Name, "--yes", "--force")
	}

	added, err := a.Lab.Add(t.Context(), servers+workers)
	do(t, err)
	a.prepare(t, added[:servers], added[servers:])
	_, err = a.Kubectl(t.Context(), "", "create", "secret", "generic", "for-"+object, "-n", name, "--from-literal="+secret)
	do(t, err)
	a.run(t, "restore", "create", name, "--snapshot", made[0], "--secret", "for-"+object, "--yes")

	a.servesOn(t, added[:servers], want)
	do(t, a.distro.AllReady(t.Context()))
	a.leavesNothing(t)
	a.awaitSaves(t, servers)
}

// prepare puts the distribution on new machines, and joins them.
func (a *adoption) prepare(t *testing.T, servers, workers []*lab.Node) {
	t.Helper()
	a.installs(t, servers, workers)
	for _, n := range servers {
		do(t, a.Join(t.Context(), n, name, "--role", "etcd,control-plane"))
		a.awaitDistribution(t, n)
	}
	for _, n := range workers {
		do(t, a.Join(t.Context(), n, name, "--role", "worker"))
		a.awaitDistribution(t, n)
	}
}

// installs puts the distribution on new machines as an administrator does who does not know the token.
func (a *adoption) installs(t *testing.T, servers, workers []*lab.Node) {
	t.Helper()
	cfg := standin.Config{Flavor: a.flavour, Servers: servers, Agents: workers, Own: map[string]map[string]any{}}
	for _, n := range slices.Concat(servers, workers) {
		cfg.Own[n.Name] = map[string]any{"token": nil}
	}
	c, err := standin.Prepare(t.Context(), cfg)
	do(t, err)
	a.distro = c
}

// awaitSaves waits until a save makes so many good snapshots: the machines tell that they are well by and by.
func (a *adoption) awaitSaves(t *testing.T, machines int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "a save on all machines", func(ctx context.Context) error {
		out, err := a.Run(ctx, "snapshot", "create", name, "-o", "name")
		if made := strings.Fields(out); err == nil && len(made) != machines {
			err = fmt.Errorf("it made %v", made)
		}
		return err
	}))
}
