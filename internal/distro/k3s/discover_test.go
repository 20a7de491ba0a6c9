package k3s

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

const etcdConfig = `name: n2-0123abcd
initial-advertise-peer-urls: https://10.0.0.2:2380
initial-cluster: n1-aaaaaaaa=https://10.0.0.1:2380,n2-0123abcd=https://10.0.0.2:2380
`

func TestAServerWithEtcdIsFoundWithoutAskingIt(t *testing.T) {
	const dir = "/var/lib/rancher/k3s/server"
	n := machine(t, K3s, server("--tls-san", "a", "--tls-san=b"), map[string]string{
		"/etc/rancher/k3s/config.yaml": "server: https://10.0.0.1:6443\ntoken: given\nsecrets-encryption: true\netcd-snapshot-schedule-cron: '@daily'\netcd-snapshot-compress: true\n",
		dir + "/token":                 "K10ab::server:right",
		dir + "/db/etcd/config":        etcdConfig,
		dir + "/db/etcd/name":          "n2-0123abcd",
	})
	got, err := n.installation()
	if err != nil {
		t.Fatal(err)
	}
	want := &distro.Installation{
		DataDir: dir + "/db/etcd", SnapshotDir: dir + "/db/snapshots", Member: "n2-0123abcd", PeerURLs: []string{"https://10.0.0.2:2380"},
		InitialCluster: "n1-aaaaaaaa=https://10.0.0.1:2380,n2-0123abcd=https://10.0.0.2:2380",
		Client: etcd.Config{
			Endpoints: []string{"https://127.0.0.1:2379"}, CACert: dir + "/tls/etcd/server-ca.crt", Cert: dir + "/tls/etcd/client.crt", Key: dir + "/tls/etcd/client.key",
		},
		Distribution: &v1alpha1.DistributionStatus{
			NodeName: "n2", JoinURL: "https://10.0.0.2:6443", Joins: "https://10.0.0.1:6443", TokenDigest: TokenDigest("right"),
			Datastore: v1alpha1.DatastoreEtcd, SecretsEncryption: true,
			Snapshots: &v1alpha1.DistributionSnapshots{Cron: "@daily", Retention: 5, Dir: dir + "/db/snapshots", Compress: true},
		},
		Config: json.RawMessage(`{"etcd-snapshot-compress":"true","etcd-snapshot-schedule-cron":"@daily","secrets-encryption":"true",` +
			`"server":"https://10.0.0.1:6443","tls-san":["a","b"],"token":"***"}`),
		ConfigDigest: got.ConfigDigest,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got.ConfigDigest) != 64 {
		t.Error(got.ConfigDigest, diff)
	}
}

func TestAMachineWithoutEtcdIsFoundWithoutAMember(t *testing.T) {
	for name, test := range map[string]struct {
		flavour Flavour
		command systemd.Command
		config  string
		want    v1alpha1.DistributionStatus
	}{
		"a worker": {
			K3s, systemd.Command{Args: []string{"agent"}, Env: map[string]string{"K3S_URL": "https://a:6443", "K3S_TOKEN": "right"}}, "node-name: w1",
			v1alpha1.DistributionStatus{NodeName: "w1", Joins: "https://a:6443", TokenDigest: TokenDigest("right"), Datastore: v1alpha1.DatastoreNone},
		},
		"a control plane": {
			RKE2, server(), "node-name: c1\nserver: https://a:9345\ndisable-etcd: true\nnode-ip: 10.0.0.9,fd00::9\n",
			v1alpha1.DistributionStatus{NodeName: "c1", JoinURL: "https://10.0.0.9:9345", Joins: "https://a:9345", Datastore: v1alpha1.DatastoreNone, SecretsEncryption: true},
		},
		"a database elsewhere": {
			K3s, server(), "node-name: s1\ndatastore-endpoint: postgres://u:geheim@db/k\nnode-ip: [10.0.0.9]\ndisable-agent: true\n",
			v1alpha1.DistributionStatus{NodeName: "s1", JoinURL: "https://10.0.0.9:6443", Datastore: v1alpha1.DatastoreExternal, Agentless: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := machine(t, test.flavour, test.command, map[string]string{test.flavour.ConfigFile(): test.config})
			got, err := n.installation()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got.Distribution); diff != "" {
				t.Error(diff)
			}
			if got.DataDir != "" || got.SnapshotDir != "" || got.Member != "" || len(got.Client.Endpoints) > 0 {
				t.Errorf("it has a member: %+v", got)
			}
		})
	}
}

func TestAConfigurationLeavesTheMachineWithoutItsSecrets(t *testing.T) {
	n := machine(t, K3s, systemd.Command{
		Args: []string{"server", "--agent-token=geheim", "--cluster-reset", "--etcd-s3-secret-key", "geheim"}, Env: map[string]string{"K3S_TOKEN": "geheim", "PATH": "geheim"},
	}, map[string]string{
		"/etc/rancher/k3s/config.yaml": "etcd-s3-session-token: geheim\netcd-s3-proxy: http://u:geheim@proxy\nvpn-auth: joinKey=geheim\ndatastore-endpoint: x:geheim\n" +
			"token-file: /t\nsecrets-encryption: true\nkube-apiserver-arg: [service-account-key-file=/k, v=2]\nnew-password: geheim\n",
	})
	got, err := n.redactedConfig()
	if err != nil {
		t.Fatal(err)
	}
	var merged map[string]any
	if err := json.Unmarshal(got, &merged); err != nil || strings.Contains(string(got), "geheim") {
		t.Fatal(err, string(got))
	}
	want := map[string]any{
		"agent-token": Redacted, "datastore-endpoint": Redacted, "etcd-s3-proxy": Redacted, "etcd-s3-secret-key": Redacted, "etcd-s3-session-token": Redacted,
		"kube-apiserver-arg": []any{"service-account-key-file=/k", "v=2"}, "new-password": Redacted, "secrets-encryption": "true", "token": Redacted,
		"token-file": "/t", "vpn-auth": Redacted,
	}
	if diff := cmp.Diff(want, merged); diff != "" {
		t.Error(diff)
	}
}

func TestTheEtcdOfAMinorIsKnown(t *testing.T) {
	for version, want := range map[string]string{"v1.34.2+k3s1": "3.6.4", "v1.37.0-rc1+rke2r1": "3.7.1", "v1.3.4": "", "": "", "v2.0.0": ""} {
		if got := etcdOf(version); got != want {
			t.Errorf("%q runs etcd %q, want %q", version, got, want)
		}
	}
}

func TestTheMemberIsAskedWhereItListensOnThisMachine(t *testing.T) {
	const config = "/var/lib/rancher/k3s/server/db/etcd/config"
	for name, test := range map[string]struct{ config, etcd, supervisor string }{
		"before it has run": {"", "https://127.0.0.1:2379", "https://127.0.0.1:6443"},
		"as usual":          {"listen-client-urls: https://10.0.0.2:2379,https://127.0.0.1:2379\n", "https://127.0.0.1:2379", "https://127.0.0.1:6443"},
		"without IPv4":      {"listen-client-urls: 'https://[::1]:2379,https://[fd00::2]:2379'\n", "https://[::1]:2379", "https://[::1]:6443"},
		"of another form":   {"listen-client-urls: [x]\n", "https://127.0.0.1:2379", "https://127.0.0.1:6443"},
	} {
		n := machine(t, K3s, server(), map[string]string{config: test.config})
		if got := n.etcdClient().Endpoints; len(got) != 1 || got[0] != test.etcd || n.supervisor() != test.supervisor {
			t.Errorf("%s: etcd is asked at %v, the supervisor at %s", name, got, n.supervisor())
		}
	}
}

func TestPathsThatAreNotAbsoluteAreSeenFromWhereTheProgramWorks(t *testing.T) {
	command := server("--data-dir=data", "--etcd-snapshot-dir=mine")
	command.Dir = "/srv"
	n := machine(t, K3s, command, nil)
	if n.dataDir() != "/srv/data" || n.snapshotDir() != "/srv/data/server/mine" {
		t.Errorf("the data is in %s, the snapshots in %s", n.dataDir(), n.snapshotDir())
	}
}

func TestAServerOnSQLiteThatHadEtcdIsToldWhatHasHappened(t *testing.T) {
	const db = "/var/lib/rancher/k3s/server/db/"
	for name, test := range map[string]struct {
		files map[string]string
		next  string
	}{
		"it never had any": {map[string]string{db + "state.db": "x"}, "start its first server once with --cluster-init"},
		"a reset failed":   {map[string]string{db + "state.db": "x", db + "etcd-old-1700000000/name": "n1-0123abcd"}, "came up empty after a reset that failed"},
	} {
		n := machine(t, K3s, server(), test.files)
		_, why := n.datastore()
		if err := n.refuse(why); !strings.Contains(problem.NextOf(err), test.next) {
			t.Errorf("%s: %s", name, problem.NextOf(err))
		}
	}
}
