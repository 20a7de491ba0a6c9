package fleet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// wrongToken: a server was set up anew with another token. Of the old one, its snapshots are left.
func wrongToken(t *testing.T, f distro.Flavor) {
	a := caredFor(t, f, 1)
	n := a.Lab.Nodes[0]
	identity, err := age.GenerateX25519Identity()
	do(t, err)
	do(t, a.Patch(t.Context(), "cluster", name, name, fmt.Sprintf(`{"spec":{"escrowRecipients":[%q]}}`, identity.Recipient())))
	a.put(t, "test-a", "saved")
	made := a.savesWithEscrow(t)
	a.isSetUpAnew(t, n, "another-token")

	dir := t.TempDir()
	token, key := filepath.Join(dir, "token"), filepath.Join(dir, "identity")
	do(t, os.WriteFile(token, []byte(standin.Token+"\n"), 0o600))
	do(t, os.WriteFile(key, []byte(identity.String()+"\n"), 0o600))
	r := a.opens(t, "k3s-token.md", map[string]string{
		"SNAPSHOT": made, "SERVER": n.Name, "TOKEN_FILE": a.flavour.DataDir() + "/server/token", "OLD_TOKEN": token, "IDENTITY": key,
	})
	r.follows(t, "1. What is wrong?", "2. Find the old token", "The escrow has it", "3. Restore with it")
	a.isBack(t, a.Lab.Nodes, "test-a=saved")
	r.isDone(t)
}

// savesWithEscrow saves until the agent knows for whom to encrypt, and returns the snapshot.
func (a *adoption) savesWithEscrow(t *testing.T) string {
	t.Helper()
	var made []string
	do(t, lab.Until(t.Context(), "an escrow beside a snapshot", func(ctx context.Context) error {
		made = a.save(t)
		_, err := a.Lab.Nodes[0].Run(ctx, "sh", "-c", "find /var/lib/holdfast -name '*.age' | grep .")
		return err
	}))
	return made[0]
}

// isSetUpAnew makes a machine a new cluster with another token. The agent on it stays.
func (a *adoption) isSetUpAnew(t *testing.T, n *lab.Node, token string) {
	t.Helper()
	old, err := a.Machine(t.Context(), n.Name)
	do(t, err)
	_, err = n.Run(t.Context(), "sh", "-ec", a.flavour.Name+"-killall.sh; cd "+a.flavour.DataDir()+"/server; rm -rf /etc/rancher/node token tls cred db/etcd ../agent"+
		"; sed -i 's/^token: .*/token: "+token+"/' "+a.flavour.ConfigFile())
	do(t, err)
	do(t, a.distro.Start(t.Context(), n))
	do(t, lab.Until(t.Context(), "the manager to know of the other token", func(ctx context.Context) error {
		m, err := a.Machine(ctx, n.Name)
		if err == nil && m.Status.Distribution.TokenDigest == old.Status.Distribution.TokenDigest {
			err = fmt.Errorf("it knows of %s", old.Status.Distribution.TokenDigest)
		}
		return err
	}))
}
