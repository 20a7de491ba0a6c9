package k3s

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// machine is a node whose files are those given, below a directory of the test's own. A file whose name ends in "/" is a
// directory.
func machine(t *testing.T, f Flavour, command systemd.Command, files map[string]string) *node {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if content == "/" {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if command.Program == "" {
		command.Program = "/usr/local/bin/" + f.Name
	}
	n, err := read(f, unit{systemd.Unit{Name: f.ServerUnit, Root: "/"}}, command, root)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func server(args ...string) systemd.Command {
	return systemd.Command{Args: append([]string{"server"}, args...)}
}

func TestANodeIsWhereItsConfigurationSaysItIs(t *testing.T) {
	type places struct {
		Data, Etcd, Snapshots, Supervisor, Config, Name string
	}
	for name, test := range map[string]struct {
		flavour Flavour
		command systemd.Command
		files   map[string]string
		want    places
	}{
		"k3s as it is installed": {
			K3s, server(), map[string]string{"/var/lib/rancher/k3s/server/db/etcd/name": "n1-0123abcd\n"},
			places{"/var/lib/rancher/k3s", "/var/lib/rancher/k3s/server/db/etcd", "/var/lib/rancher/k3s/server/db/snapshots", "https://127.0.0.1:6443", "/etc/rancher/k3s/config.yaml", "n1"},
		},
		"rke2 as it is installed": {
			RKE2, server(), map[string]string{"/etc/rancher/rke2/config.yaml": "node-name: Big-One\n"},
			places{"/var/lib/rancher/rke2", "/var/lib/rancher/rke2/server/db/etcd", "/var/lib/rancher/rke2/server/db/snapshots", "https://127.0.0.1:9345", "/etc/rancher/rke2/config.yaml", "big-one"},
		},
		"k3s with everything elsewhere": {
			K3s, systemd.Command{Args: []string{"server", "--etcd-snapshot-dir", "/snaps"}, Env: map[string]string{"K3S_CONFIG_FILE": "/etc/k.yaml"}},
			map[string]string{
				"/etc/k.yaml":                "data-dir: /data\nnode-name: a\nbind-address: 10.0.0.7\n",
				"/etc/k.yaml.d/10-port.yaml": "https-listen-port: 7443\n",
				"/data/server/db/etcd/name":  "a-7f8e9d0c-0123abcd",
			},
			places{"/data", "/data/server/db/etcd", "/snaps", "https://10.0.0.7:7443", "/etc/k.yaml", "a-7f8e9d0c"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := machine(t, test.flavour, test.command, test.files)
			node, err := n.name()
			got := places{n.dataDir(), n.etcdDir(), n.snapshotDir(), n.supervisor(), n.configFile(), node}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestADatastoreThatIsNoEmbeddedEtcdIsSaidToBeSo(t *testing.T) {
	const db = "/var/lib/rancher/k3s/server/db/"
	for name, test := range map[string]struct {
		flavour Flavour
		command systemd.Command
		files   map[string]string
		want    v1alpha1.Datastore
		why     error
	}{
		"a first server that was told":           {K3s, server("--cluster-init"), nil, v1alpha1.DatastoreEtcd, nil},
		"a first server whose data says so":      {K3s, server(), map[string]string{db + "etcd/member/wal": "/"}, v1alpha1.DatastoreEtcd, nil},
		"one whose database is set aside":        {K3s, server(), nil, v1alpha1.DatastoreEtcd, nil},
		"one that joined":                        {K3s, server("--server=https://a:6443"), nil, v1alpha1.DatastoreEtcd, nil},
		"k3s as it comes":                        {K3s, server(), map[string]string{db + "state.db": "x"}, v1alpha1.DatastoreSQLite, errSQLite},
		"one that came up empty after a restore": {K3s, server(), map[string]string{db + "state.db": "x", db + "etcd": "/"}, v1alpha1.DatastoreSQLite, errSQLite},
		"one that was moved to etcd":             {K3s, server(), map[string]string{db + "state.db": "x", db + "etcd/member/wal": "/"}, v1alpha1.DatastoreEtcd, nil},
		"rke2 has etcd always":                   {RKE2, server(), map[string]string{"/var/lib/rancher/rke2/server/db/state.db": "x"}, v1alpha1.DatastoreEtcd, nil},
		"a database outside": {
			K3s, systemd.Command{Args: []string{"server"}, Env: map[string]string{"K3S_DATASTORE_ENDPOINT": "mysql://"}}, nil, v1alpha1.DatastoreExternal, errExternal,
		},
		"a control plane alone": {RKE2, server(), map[string]string{"/etc/rancher/rke2/config.yaml.d/a.yaml": "disable-etcd: true"}, v1alpha1.DatastoreNone, errNoEtcd},
		"a worker":              {K3s, systemd.Command{Args: []string{"agent"}}, nil, v1alpha1.DatastoreNone, errWorker},
	} {
		t.Run(name, func(t *testing.T) {
			n := machine(t, test.flavour, test.command, test.files)
			got, why := n.datastore()
			if got != test.want || !errors.Is(why, test.why) {
				t.Errorf("datastore %q, %v", got, why)
			}
			if why != nil && !errors.Is(n.refuse(why), distro.ErrNotInstalled) {
				t.Error("a machine without etcd is not said to have none")
			}
		})
	}
}

func TestTheTokenIsTheOneThatTheServerRunsWith(t *testing.T) {
	const own = "/var/lib/rancher/k3s/server/token"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"its own file":      {map[string]string{own: "K10ab::server:right\n", "/etc/rancher/k3s/config.yaml": "token: other"}, "K10ab::server:right"},
		"the configuration": {map[string]string{"/etc/rancher/k3s/config.yaml": "token: given"}, "given"},
		"a file of it":      {map[string]string{"/etc/rancher/k3s/config.yaml": "token-file: /t", "/t": " short \n"}, "short"},
	} {
		if got, err := machine(t, K3s, server(), test.files).token(); got != test.want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := machine(t, K3s, server(), nil).token(); err == nil {
		t.Errorf("no token anywhere: %q", got)
	}
}

func TestAUnitIsTheDistributionsWhenItStartsAServerOrAnAgent(t *testing.T) {
	for _, test := range []struct {
		program string
		args    []string
		want    string
	}{
		{"/usr/local/bin/k3s", []string{"server", "--disable", "agent"}, "server"},
		{"/opt/bin/k3s", []string{"--debug", "agent"}, "agent"},
		{"/usr/local/bin/k3s", []string{"etcd-snapshot", "save", "--name", "server"}, ""},
		{"/usr/local/bin/k3s", nil, ""},
		{"/usr/local/bin/k3s-exporter", []string{"server"}, ""},
	} {
		if got := subcommand(K3s, systemd.Command{Program: test.program, Args: test.args}); got != test.want {
			t.Errorf("%s %v is %q", test.program, test.args, got)
		}
	}
	found := []string{"k3s-agent.service", "k3s-blue.service", "k3s.service"}
	if diff := cmp.Diff([]string{"k3s.service", "k3s-agent.service", "k3s-blue.service"}, order(K3s, found)); diff != "" {
		t.Error(diff)
	}
}
