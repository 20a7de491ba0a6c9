package fleet_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// A restore brings back Secrets and the keys that open them, whichever those were. A server that is told to encrypt when it has
// run for long keeps its key to itself, so that no snapshot has it. HOLDFAST_SOAK=1 also turns encryption on as its
// documentation says and rotates the keys, on three servers, and with rke2, which always encrypts.
func TestSecretsAreReadAfterARestoreToAnyAgeOfTheirEncryption(t *testing.T) {
	t.Parallel()
	t.Run("k3s", func(t *testing.T) {
		servers := 1
		if soaking() {
			servers = 3
		}
		c := &ciphered{adoption: adopt(t, distro.K3s(), servers)}
		c.lives(t, "plain")
		if !soaking() {
			c.tellToEncrypt(t)
		} else {
			c.runs(t, "secrets-encrypt", "enable")
			c.tellToEncrypt(t)
			c.rotates(t)
			c.lives(t, "first")
			c.rotates(t)
			c.lives(t, "second")
			c.goes(t, "before the keys were rotated", "first", v1alpha1.RestoreNone, "SecretsEncryption: the keys in the snapshot open its Secrets")
			c.goes(t, "after the keys were rotated", "second", v1alpha1.RestoreNone, "SecretsEncryption: the keys in the snapshot open its Secrets")
			c.goes(t, "before anything was encrypted", "plain", v1alpha1.RestoreNone, "SnapshotEncryption: Secrets are not encrypted in the snapshot: the machine encrypts them")
		}
		c.lives(t, "alone")
		c.goes(t, "with a key that is on the machines alone", "alone", v1alpha1.RestoreNone, "SecretsEncryption: the keys of its Secrets are not in the snapshot: the machine's own open them")
		c.goes(t, "with the configuration of before", "plain", v1alpha1.RestoreAll, "SecretsEncryption: no Secret in the snapshot is encrypted")
		c.isRefused(t, "alone", v1alpha1.RestoreNone, "set secrets-encryption in its configuration")
		if soaking() {
			c.goes(t, "with the configuration of after", "second", v1alpha1.RestoreAll, "")
			c.isRefused(t, "alone", v1alpha1.RestoreNone, "are encrypted with a key that it does not hold")
		}
	})
	if soaking() {
		t.Run("rke2", func(t *testing.T) {
			c := &ciphered{adoption: adopt(t, distro.RKE2(), 1)}
			c.lives(t, "first")
			c.rotates(t)
			c.lives(t, "second")
			c.goes(t, "before the keys were rotated", "first", v1alpha1.RestoreNone, "SecretsEncryption: the keys in the snapshot open its Secrets")
			c.goes(t, "after the keys were rotated", "second", v1alpha1.RestoreNone, "SecretsEncryption: the keys in the snapshot open its Secrets")
		})
	}
}

// ciphered is a cluster whose Secrets are encrypted in more than one way in its life.
type ciphered struct {
	*adoption
	ages []cipherAge
	now  []string // the Secrets that there are
}

// cipherAge is a snapshot, and the Secrets in it.
type cipherAge struct {
	name, snapshot string
	secrets        []string
}

// lives makes a Secret and saves.
func (c *ciphered) lives(t *testing.T, name string) {
	t.Helper()
	n := c.Lab.Nodes[0]
	_, err := c.distro.Kubectl(t.Context(), n, "create", "secret", "generic", "age-"+name, "--from-literal=key="+name)
	do(t, err)
	c.now = append(slices.Clone(c.now), name)
	c.readOnAll(t)
	c.ages = append(c.ages, cipherAge{name, takenOn(t, c.save(t), n), c.now})
}

func (c *ciphered) age(t *testing.T, name string) *cipherAge {
	t.Helper()
	i := slices.IndexFunc(c.ages, func(a cipherAge) bool { return a.name == name })
	if i < 0 {
		t.Fatalf("there was no age %s", name)
	}
	return &c.ages[i]
}

// runs the distribution's own command on the first server.
func (c *ciphered) runs(t *testing.T, args ...string) {
	t.Helper()
	_, err := c.Lab.Nodes[0].Run(t.Context(), append([]string{c.flavour.Name}, args...)...)
	do(t, err)
}

// tellToEncrypt changes the configuration of all servers, which the distribution takes up when it starts.
func (c *ciphered) tellToEncrypt(t *testing.T) {
	t.Helper()
	for _, n := range c.Lab.Nodes {
		do(t, n.WriteFile(c.flavour.ConfigFile()+".d/60-encrypt.yaml", []byte("secrets-encryption: true\n"), 0o600))
		c.restarts(t, n)
	}
	c.awaitEncrypting(t, true)
}

// rotates the keys, and starts the other servers again, as they have to be.
func (c *ciphered) rotates(t *testing.T) {
	t.Helper()
	c.runs(t, "secrets-encrypt", "rotate-keys")
	for _, n := range c.Lab.Nodes[1:] {
		c.restarts(t, n)
	}
	status, err := c.Lab.Nodes[0].Run(t.Context(), c.flavour.Name, "secrets-encrypt", "status")
	do(t, err)
	for _, want := range []string{"Encryption Status: Enabled", "reencrypt_finished", "All hashes match"} {
		if !strings.Contains(status, want) {
			t.Fatalf("encryption is\n%s", status)
		}
	}
}

func (c *ciphered) restarts(t *testing.T, n *lab.Node) {
	t.Helper()
	stop := "systemctl stop " + c.distro.Unit(n)
	if c.flavour.StaticPods() {
		stop = "rke2-killall.sh"
	}
	_, err := n.Run(t.Context(), "sh", "-c", stop)
	do(t, err)
	do(t, c.distro.Start(t.Context(), n))
	c.allVote(t)
}

// awaitEncrypting waits until the manager knows whether the servers encrypt.
func (c *ciphered) awaitEncrypting(t *testing.T, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	for _, n := range c.Lab.Nodes {
		do(t, lab.Until(ctx, n.Name+" to tell whether it encrypts", func(ctx context.Context) error {
			m, err := c.Machine(ctx, n.Name)
			if err == nil && (m.Status.Distribution == nil || m.Status.Distribution.SecretsEncryption != want) {
				err = fmt.Errorf("it tells of %+v", m.Status.Distribution)
			}
			return err
		}))
	}
}

// goes restores an age. Its plan has said what becomes of the Secrets.
func (c *ciphered) goes(t *testing.T, what, to string, scope v1alpha1.RestoreConfigScope, said string) {
	t.Helper()
	went := t.Run(what, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*operationTimeout)
		defer cancel()
		age := c.age(t, to)
		_, err := c.Run(ctx, "restore", "create", name, "--snapshot", age.snapshot, "--restore-config", string(scope), "--yes")
		do(t, err)
		var r v1alpha1.EtcdSnapshotRestore
		do(t, c.Read(ctx, &r, "restore", "status", name))
		if said != "" && !slices.ContainsFunc(r.Status.Preflight, func(p v1alpha1.PreflightCheck) bool { return strings.HasPrefix(p.Check+": "+p.Message, said) }) {
			t.Errorf("its plan said\n%+v", r.Status.Preflight)
		}
		if scope == v1alpha1.RestoreAll {
			c.awaitEncrypting(t, to != "plain")
		}
		c.now = age.secrets
		c.readOnAll(t)
		c.encryptsAnew(t, c.awaitDistribution(t, c.Lab.Nodes[0]).Status.Distribution.SecretsEncryption)
		c.leavesNothing(t)
	})
	if !went {
		t.FailNow() // what it left is nobody's condition
	}
}

// readOnAll reads every Secret through every API server.
func (c *ciphered) readOnAll(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	want := map[string]string{}
	for _, name := range c.now {
		want["age-"+name] = base64.StdEncoding.EncodeToString([]byte(name))
	}
	for _, n := range c.Lab.Nodes {
		do(t, lab.Until(ctx, n.Name+" to serve its Secrets", func(ctx context.Context) error {
			out, err := c.distro.Kubectl(ctx, n, "get", "secrets", "-o", `jsonpath={range .items[*]}{.metadata.name}={.data.key} {end}`)
			if err != nil {
				return err
			}
			got := map[string]string{}
			for _, word := range strings.Fields(out) {
				if name, value, _ := strings.Cut(word, "="); strings.HasPrefix(name, "age-") {
					got[name] = value
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("it serves %v, and should %v", got, want)
			}
			_, err = c.distro.Kubectl(ctx, n, "get", "secrets", "--all-namespaces", "-o", "name")
			return err
		}))
	}
}

// encryptsAnew writes a Secret and looks at what etcd has of it.
func (c *ciphered) encryptsAnew(t *testing.T, encrypted bool) {
	t.Helper()
	n := c.Lab.Nodes[len(c.Lab.Nodes)-1]
	_, err := c.distro.Kubectl(t.Context(), n, "create", "secret", "generic", "probe", "--from-literal=key=hunter2")
	do(t, err)
	tls := path.Join(c.distro.DataDir(n), "server/tls/etcd")
	stored, err := n.Run(t.Context(), "/opt/tools/etcdctl-3.7", "--endpoints=https://127.0.0.1:2379", "--cacert="+tls+"/server-ca.crt",
		"--cert="+tls+"/client.crt", "--key="+tls+"/client.key", "get", "--print-value-only", "/registry/secrets/default/probe")
	do(t, err)
	if strings.HasPrefix(stored, "k8s:enc:aescbc:") != encrypted || strings.Contains(stored, "hunter2") == encrypted {
		t.Errorf("etcd has %q, and it should be encrypted: %v", stored, encrypted)
	}
	_, err = c.distro.Kubectl(t.Context(), n, "delete", "secret", "probe")
	do(t, err)
}

// isRefused asks for a snapshot whose Secrets nobody could read. Nothing is touched.
func (c *ciphered) isRefused(t *testing.T, to string, scope v1alpha1.RestoreConfigScope, why string) {
	t.Helper()
	out, err := c.Run(t.Context(), "restore", "create", name, "--snapshot", c.age(t, to).snapshot, "--restore-config", string(scope), "--yes")
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s, %v", out, err)
	}
	c.readOnAll(t)
}
