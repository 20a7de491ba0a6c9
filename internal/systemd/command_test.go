package systemd

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestACommandIsReadAsSystemdReadsIt(t *testing.T) {
	const text = "# comment\nNAME=\"m2\"\n; another\nURL='https://0.0.0.0:2379'\nARGS=\"--wal-dir /wal \\\n--token tok\"\n"
	for _, test := range []struct {
		name string
		p    properties
		want Command
	}{
		{
			"a word that is a variable becomes as many as it has, and files beat the unit",
			properties{commands: exec("/usr/bin/etcd", "$ARGS", "${NAME}-etcd"), environment: []string{"NAME=m9", "A=b"}, files: []envFile{{"/etc/default/etcd", true}}},
			Command{
				Program: "/usr/bin/etcd", Args: []string{"--wal-dir", "/wal", "--token", "tok", "m2-etcd"}, Words: []string{"$ARGS", "${NAME}-etcd"},
				Env: map[string]string{"NAME": "m2", "A": "b", "URL": "https://0.0.0.0:2379", "ARGS": "--wal-dir /wal --token tok"},
			},
		},
		{
			"a missing file with a dash is none",
			properties{commands: exec("/a", "$$HOME"), files: []envFile{{"/etc/none", true}}, dir: "!/var/lib", user: "etcd", group: "7"},
			Command{Program: "/a", Args: []string{"$HOME"}, Words: []string{"$$HOME"}, Env: map[string]string{}, Dir: "/var/lib", User: "etcd", Group: "7"},
		},
		{
			"the last of several commands counts",
			properties{commands: append(exec("/first"), exec("/last", "x")...)},
			Command{Program: "/last", Args: []string{"x"}, Words: []string{"x"}, Env: map[string]string{}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.p.command(files{"/etc/default/etcd": text}.read)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func exec(argv ...string) []execCommand { return []execCommand{{Path: argv[0], Argv: argv}} }

func TestACommandThatCannotBeReadIsAnError(t *testing.T) {
	for name, p := range map[string]properties{
		"nothing is started":             {},
		"an environment file is missing": {commands: exec("/a"), files: []envFile{{"/etc/gone", false}}},
	} {
		if _, err := p.command(files{}.read); err == nil {
			t.Errorf("%s, and nobody says so", name)
		}
	}
}
