package fleet_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/lab"
)

const (
	ownDataDir = "/srv/kubernetes"
	ownPort    = 7443
)

// Nothing of these servers lies or listens where it usually does, and their Secrets are encrypted.
func TestServersWithPathsAndPortsOfTheirOwnAreRestoredWithoutTheFirst(t *testing.T) {
	t.Parallel()
	for _, f := range inSoak(distro.K3s(), distro.RKE2()) {
		t.Run(f.Name, func(t *testing.T) {
			settings := map[string]any{"etcd-snapshot-retention": 7, "data-dir": ownDataDir, "etcd-snapshot-dir": ownDataDir + "/snapshots"}
			if !f.StaticPods() { // rke2 encrypts Secrets anyhow, and its port can't be another
				settings["https-listen-port"], settings["secrets-encryption"] = ownPort, true
			}
			a := adoptAs(t, f, 3, func(cfg *standin.Config, nodes []*lab.Node) {
				cfg.Servers, cfg.Settings = nodes, settings
				for _, n := range nodes {
					_, err := n.Run(t.Context(), "mkdir", "-p", ownDataDir+"/snapshots")
					do(t, err)
				}
			})
			if !f.StaticPods() {
				a.listensWhereItWould(t)
			}
			t.Run("snapshots are taken, listed and deleted where they lie", a.keepsSnapshotsElsewhere)
			t.Run("another server is restored while the first one is off", a.isRestoredWithoutFirst)
			t.Run("the first server joins the others when it is back", a.takesFirstBack)
			t.Run("it is the first again when it is restored", a.isRestoredToFirst)
		})
	}
}

// listensWhereItWould lets something else have the port that the distribution has unless it is told of another, as a balancer
// before the servers does.
func (a *adoption) listensWhereItWould(t *testing.T) {
	t.Helper()
	for _, n := range a.Lab.Nodes {
		_, err := n.Run(t.Context(), "systemd-run", "--unit=balancer", "--socket-property=ListenStream=6443", "sleep", "infinity")
		do(t, err)
	}
}

func (a *adoption) keepsSnapshotsElsewhere(t *testing.T) {
	n := a.Lab.Nodes[0]
	m := a.awaitDistribution(t, n)
	if d := m.Status.Distribution; d.JoinURL != a.distro.SupervisorURL(n) || !d.SecretsEncryption || d.Snapshots.Dir != ownDataDir+"/snapshots" {
		t.Errorf("it tells %+v, %+v", d, d.Snapshots)
	}
	made := a.save(t)
	if len(made) != len(a.Lab.Nodes) {
		t.Fatalf("it made %v", made)
	}
	listed := a.listedOn(t, n)
	if !strings.Contains(listed, "file://"+ownDataDir+"/snapshots/on-demand-"+n.Name+"-") {
		t.Errorf("it lists\n%s", listed)
	}
	a.run(t, "snapshot", "delete", takenOn(t, made, n), "--yes")
	if listed := a.listedOn(t, n); strings.Contains(listed, "on-demand-"+n.Name+"-") {
		t.Errorf("it lists\n%s", listed)
	}
	if strays, err := n.Run(t.Context(), "sh", "-c", "ls -d "+a.flavour.DataDir()+"/server 2>/dev/null || true"); err != nil || strays != "" {
		t.Errorf("in the usual place is %s, %v", strays, err)
	}
}

func (a *adoption) listedOn(t *testing.T, n *lab.Node) string {
	t.Helper()
	out, err := n.Run(t.Context(), a.flavour.Name, "etcd-snapshot", "ls", "--etcd-server="+a.distro.LocalURL(n))
	do(t, err)
	return out
}

// The first server founded the cluster, and the others join it. It is off, and somebody has said so.
func (a *adoption) isRestoredWithoutFirst(t *testing.T) {
	first, rest := a.Lab.Nodes[0], a.Lab.Nodes[1:]
	init := rest[len(rest)-1]
	a.put(t, "test-a", "saved")
	_, err := a.distro.Kubectl(t.Context(), first, "create", "secret", "generic", "sealed", "--from-literal=key=hunter2")
	do(t, err)
	made := a.save(t)
	a.put(t, "test-b", "new")
	a.agesDatastore(t)
	do(t, first.PowerCut(t.Context()))
	a.awaitAnswering(t, int32(len(rest)))
	a.remembers(t)
	a.run(t, "restore", "create", name, "--snapshot", takenOn(t, made, init), "--confirm-powered-off", first.Name, "--yes")
	a.serveWhere(t, rest, "test-a=saved", rest)
	for _, n := range rest {
		a.readsSecret(t, n)
		m := a.awaitDistribution(t, n)
		want := a.distro.SupervisorURL(init)
		if n == init {
			want = ""
		}
		if m.Status.Distribution.Joins != want {
			t.Errorf("%s joins %q, and should %q", n.Name, m.Status.Distribution.Joins, want)
		}
	}
	a.leavesNothing(t)
}

// agesDatastore leaves files on the servers that are newer than what any snapshot has, and than what etcd has: with those the
// distribution does not start. The key for Secrets is another one, too, as after a rotation: it opens none of the snapshot's.
func (a *adoption) agesDatastore(t *testing.T) {
	t.Helper()
	key := base64.StdEncoding.EncodeToString([]byte("another key of thirty-two bytes."))
	for _, n := range a.Lab.Nodes {
		_, err := n.Run(t.Context(), "sh", "-ec", `cd "$1"; echo changed >> ipsec.psk; sed -i 's#"secret":"[^"]*"#"secret":"'"$2"'"#' encryption-config.json; grep -q "$2" encryption-config.json`,
			"sh", ownDataDir+"/server/cred", key)
		do(t, err)
	}
}

// readsSecret: the keys are the snapshot's, and what etcd has of the Secret is sealed with them.
func (a *adoption) readsSecret(t *testing.T, n *lab.Node) {
	t.Helper()
	got, err := a.distro.Kubectl(t.Context(), n, "get", "secret", "sealed", "-o", "jsonpath={.data.key}")
	do(t, err)
	if want := base64.StdEncoding.EncodeToString([]byte("hunter2")); got != want {
		t.Errorf("%s reads %q", n.Name, got)
	}
	tls := path.Join(a.distro.DataDir(n), "server/tls/etcd")
	stored, err := n.Run(t.Context(), "/opt/tools/etcdctl-3.6", "--endpoints=https://127.0.0.1:2379", "--cacert="+tls+"/server-ca.crt",
		"--cert="+tls+"/client.crt", "--key="+tls+"/client.key", "get", "--print-value-only", "/registry/secrets/default/sealed")
	do(t, err)
	if !strings.HasPrefix(stored, "k8s:enc:") || strings.Contains(stored, "hunter2") {
		t.Errorf("etcd has %q", stored)
	}
}

// What the first server has is a database of before the restore, with which it would wait for ever, and nobody to join. It was
// never told otherwise: its agent stops it, and the manager takes it in.
func (a *adoption) takesFirstBack(t *testing.T) {
	first, init := a.Lab.Nodes[0], a.Lab.Nodes[len(a.Lab.Nodes)-1]
	do(t, first.Start(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, first.Name+" to be a member again", func(ctx context.Context) error {
		var r v1alpha1.EtcdSnapshotRestore
		err := a.Read(ctx, &r, "restore", "status", name, "rejoin-"+first.Name+"-1")
		if err == nil && r.Status.Outcome != v1alpha1.OutcomeRestored {
			err = fmt.Errorf("its restore is %s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
		}
		return err
	}))
	a.serves(t, "test-a=saved")
	a.readsSecret(t, first)
	do(t, lab.Until(ctx, first.Name+" to join "+init.Name, func(ctx context.Context) error {
		m, err := a.Machine(ctx, first.Name)
		if err == nil && m.Status.Distribution.Joins != a.distro.SupervisorURL(init) {
			err = errors.New("it joins " + m.Status.Distribution.Joins)
		}
		return err
	}))
	a.allVote(t)
	a.leavesNothing(t)
}

// isRestoredToFirst moves the role back: nobody needs the files any more that said whom to join.
func (a *adoption) isRestoredToFirst(t *testing.T) {
	first := a.Lab.Nodes[0]
	a.put(t, "test-c", "saved")
	made := a.save(t)
	a.put(t, "test-d", "new")
	a.remembers(t)
	a.run(t, "restore", "create", name, "--snapshot", takenOn(t, made, first), "--yes")
	a.serves(t, "test-a=saved test-c=saved")
	a.allVote(t)
	a.leavesNothing(t)
	for _, n := range a.Lab.Nodes {
		a.readsSecret(t, n)
	}
	if out, err := first.Run(t.Context(), "sh", "-c", "ls "+a.flavour.ConfigFile()+".d/*holdfast* 2>/dev/null || true"); err != nil || out != "" {
		t.Errorf("it is told whom to join, as nobody had to: %s, %v", out, err)
	}
}

// allVote waits until every server has a member with a vote.
func (a *adoption) allVote(t *testing.T) {
	t.Helper()
	a.allVoteOn(t, a.Lab.Nodes)
}

// allVoteOn waits until these servers have a member with a vote each, and nobody else has one.
func (a *adoption) allVoteOn(t *testing.T, servers []*lab.Node) {
	t.Helper()
	do(t, lab.Until(t.Context(), "all members to vote", func(ctx context.Context) error {
		members, err := a.distro.Members(ctx, servers[0])
		if err == nil && (len(members) != len(servers) || strings.Contains(fmt.Sprint(members), "learner")) {
			err = fmt.Errorf("members are %v", members)
		}
		return err
	}))
}
