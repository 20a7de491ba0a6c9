package etcd

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/systemd"
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
func TestAUnitIsReadAsEtcdReadsIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		argv  []string
		env   map[string]string
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
			name: "Debian: most in the environment",
			argv: []string{"/usr/bin/etcd", "--wal-dir", "/wal", "--initial-cluster-token", "tok"},
			env:  map[string]string{"ETCD_NAME": "m2", "ETCD_DATA_DIR": "/var/lib/etcd/default", "ETCD_LISTEN_CLIENT_URLS": "https://0.0.0.0:2379"},
			want: settings{"name": "m2", "data-dir": "/var/lib/etcd/default", "listen-client-urls": "https://0.0.0.0:2379", "wal-dir": "/wal", "initial-cluster-token": "tok",
				"initial-cluster": "m2=http://localhost:2380"},
		},
		{
			name: "a flag beats the environment",
			argv: []string{"/usr/bin/etcd", "--name", "n7-etcd"},
			env:  map[string]string{"ETCD_NAME": "other"},
			want: settings{"name": "n7-etcd", "data-dir": "/n7-etcd.etcd", "initial-cluster": "n7-etcd=http://localhost:2380"},
		},
		{
			name: "with a config file nothing else counts",
			argv: []string{"/usr/bin/etcd", "--config-file=etcd.yml", "--name=ignored"}, dir: "/etc/etcd", env: map[string]string{"ETCD_WAL_DIR": "/ignored"},
			files: files{"/etc/etcd/etcd.yml": "name: m3\ndata-dir: data\nlisten-client-urls: https://10.0.0.3:2379\n" +
				"client-transport-security:\n  cert-file: /pki/server.crt\n  key-file: /pki/server.key\n  trusted-ca-file: /pki/ca.crt\n  client-cert-auth: true\n"},
			want: settings{"name": "m3", "data-dir": "/etc/etcd/data", "listen-client-urls": "https://10.0.0.3:2379", "initial-cluster": "m3=http://localhost:2380",
				"cert-file": "/pki/server.crt", "key-file": "/pki/server.key", "trusted-ca-file": "/pki/ca.crt", "client-cert-auth": "true"},
		},
		{
			name: "behind a shell",
			argv: []string{"/bin/bash", "-c", "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"${ETCD_NAME}\" --data-dir=\"${ETCD_DATA_DIR}\""},
			env:  map[string]string{"ETCD_NAME": "m4", "ETCD_DATA_DIR": "/d"},
			want: settings{"name": "m4", "data-dir": "/d", "initial-cluster": "m4=http://localhost:2380"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			inv := unwrap(systemd.Command{Program: test.argv[0], Args: test.argv[1:], Env: test.env, Dir: test.dir})
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

func TestAMissingConfigFileIsAnErrorWithItsName(t *testing.T) {
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
