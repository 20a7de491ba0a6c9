package etcd

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// files are what a unit refers to.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// What distributions and people write into units, and what etcd makes of it.
func TestAUnitIsReadAsSystemdAndEtcdReadIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		argv  []string
		env   []string
		envs  []envFile
		files files
		dir   string
		want  settings
	}{
		{
			name: "flags of either form",
			argv: []string{"/usr/local/bin/etcd", "--name=m1", "-data-dir", "/var/lib/etcd/", "--client-cert-auth", "--initial-cluster", "m1=https://10.0.0.1:2380"},
			want: settings{"name": "m1", "data-dir": "/var/lib/etcd", "client-cert-auth": "true", "initial-cluster": "m1=https://10.0.0.1:2380"},
		},
		{
			name: "nothing at all: etcd's defaults in its working directory",
			argv: []string{"/usr/bin/etcd"}, dir: "/var/lib/etcd",
			want: settings{"data-dir": "/var/lib/etcd/default.etcd", "initial-cluster": "default=http://localhost:2380"},
		},
		{
			name: "Debian: all in an environment file",
			argv: []string{"/usr/bin/etcd", "$DAEMON_ARGS"},
			env:  []string{"ETCD_NAME=m9", "ETCD_DATA_DIR=/var/lib/etcd/default"},
			envs: []envFile{{"/etc/default/etcd", true}},
			files: files{"/etc/default/etcd": "# comment\nETCD_NAME=\"m2\"\n; another\nETCD_LISTEN_CLIENT_URLS='https://0.0.0.0:2379'\n" +
				"DAEMON_ARGS=\"--wal-dir /wal --initial-cluster-token tok\"\n"},
			want: settings{"name": "m2", "data-dir": "/var/lib/etcd/default", "listen-client-urls": "https://0.0.0.0:2379", "wal-dir": "/wal", "initial-cluster-token": "tok",
				"initial-cluster": "m2=http://localhost:2380"},
		},
		{
			name: "a flag beats the environment, and a missing file with a dash is none",
			argv: []string{"/usr/bin/etcd", "--name", "${NODE}-etcd"},
			env:  []string{"ETCD_NAME=other", "NODE=n7"}, envs: []envFile{{"/etc/none", true}},
			want: settings{"name": "n7-etcd", "data-dir": "/n7-etcd.etcd", "initial-cluster": "n7-etcd=http://localhost:2380"},
		},
		{
			name: "with a config file nothing else counts",
			argv: []string{"/usr/bin/etcd", "--config-file=etcd.yml", "--name=ignored"}, dir: "/etc/etcd", env: []string{"ETCD_WAL_DIR=/ignored"},
			files: files{"/etc/etcd/etcd.yml": "name: m3\ndata-dir: data\nlisten-client-urls: https://10.0.0.3:2379\n" +
				"client-transport-security:\n  cert-file: /pki/server.crt\n  key-file: /pki/server.key\n  trusted-ca-file: /pki/ca.crt\n  client-cert-auth: true\n"},
			want: settings{"name": "m3", "data-dir": "/etc/etcd/data", "listen-client-urls": "https://10.0.0.3:2379", "initial-cluster": "m3=http://localhost:2380",
				"cert-file": "/pki/server.crt", "key-file": "/pki/server.key", "trusted-ca-file": "/pki/ca.crt", "client-cert-auth": "true"},
		},
		{
			name: "behind a shell",
			argv: []string{"/bin/bash", "-c", "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"${ETCD_NAME}\" --data-dir=\"${ETCD_DATA_DIR}\""},
			env:  []string{"ETCD_NAME=m4", "ETCD_DATA_DIR=/d"},
			want: settings{"name": "m4", "data-dir": "/d", "initial-cluster": "m4=http://localhost:2380"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			inv, err := readUnit([]execCommand{{Path: test.argv[0], Argv: test.argv}}, test.env, test.envs, test.dir, test.files.read)
			if err != nil {
				t.Fatal(err)
			}
			got, err := inv.settings(test.files.read)
			if err != nil {
				t.Fatal(err)
			}
			test.want.complete()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMissingEnvironmentOrConfigFileIsAnErrorWithItsName(t *testing.T) {
	if _, err := readUnit([]execCommand{{Path: "/etcd", Argv: []string{"/etcd"}}}, nil, []envFile{{"/etc/gone", false}}, "", files{}.read); err == nil {
		t.Error("the environment file is missing, and nobody says so")
	}
	if _, err := (invocation{args: []string{"--config-file", "/gone.yaml"}}).settings(files{}.read); err == nil {
		t.Error("the config file is missing, and nobody says so")
	}
}

func TestTheMemberIsReachedOnLoopbackIfItListensThere(t *testing.T) {
	for _, test := range []struct {
		listen, advertise, given, want string
	}{
		{"http://10.0.0.1:2379,http://127.0.0.1:2379", "http://10.0.0.1:2379", "", "http://127.0.0.1:2379"},
		{"https://0.0.0.0:2379", "https://10.0.0.1:2379", "", "https://127.0.0.1:2379"},
		{"https://[::]:2379", "https://10.0.0.1:2379", "", "https://[::1]:2379"},
		{"https://10.0.0.1:2379", "https://etcd-1.example:2379", "", "https://10.0.0.1:2379"},
		{"https://10.0.0.1:2379", "https://etcd-1.example:2379", "https://etcd-1.example:2379", "https://etcd-1.example:2379"},
	} {
		s := settings{"listen-client-urls": test.listen, "advertise-client-urls": test.advertise, "cert-file": "/c", "key-file": "/k", "trusted-ca-file": "/ca"}
		cfg := s.client(v1alpha1.EtcdConfig{Endpoint: test.given})
		if cfg.Endpoints[0] != test.want {
			t.Errorf("%s: got %s, want %s", test.listen, cfg.Endpoints[0], test.want)
		}
		if plain := cfg.Endpoints[0][:5] == "http:"; plain != (cfg.CACert == "") {
			t.Errorf("%s: CA %q", test.listen, cfg.CACert)
		}
	}
}

func TestTheDropInStandsWhereSystemdLooksAndIsTakenAwayAgain(t *testing.T) {
	root, state := t.TempDir(), t.TempDir()
	u := unit{name: "etcd.service", fence: fence{state}, root: root}
	want := filepath.Join(root, "etc/systemd/system/etcd.service.d/00-holdfast-fence.conf")
	_ = u.bar(t.Context()) // there is no systemd to reload
	data, err := os.ReadFile(want)
	if err != nil || !cmp.Equal(string(data), u.dropInText()) {
		t.Fatalf("%s, %v", data, err)
	}
	_ = u.unbar(t.Context())
	if _, err := os.Stat(filepath.Dir(want)); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestProcessesOfAControlGroupAreFoundAtAnyDepth(t *testing.T) {
	root := t.TempDir()
	u := unit{name: "etcd.service", root: root}
	const group = "/system.slice/etcd.service"
	if !u.empty(group) || !u.empty("") {
		t.Fatal("a group that is not there has processes")
	}
	dir := filepath.Join(root, "sys/fs/cgroup", group, "below")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("12\n34\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{12, 34}, u.processes(group)); diff != "" {
		t.Error(diff)
	}
}
