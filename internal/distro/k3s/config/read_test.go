package config

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const file = "/etc/rancher/k3s/config.yaml"

// files makes a file system of paths and texts.
func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for path, text := range texts {
		fsys[path[1:]] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestAConfigurationIsReadAsTheProgramReadsIt(t *testing.T) {
	type want struct {
		value string
		set   bool
		list  []string
	}
	tests := []struct {
		name  string
		args  []string
		env   map[string]string
		files map[string]string
		flag  string
		want  want
	}{
		{"nothing is set", nil, nil, nil, "server", want{}},
		{"of the file", nil, nil, map[string]string{file: "token: a\n"}, "token", want{"a", true, []string{"a"}}},
		{"a drop-in alone is enough", nil, nil, map[string]string{file + ".d/a.yaml": "token: b"}, "token", want{"b", true, []string{"b"}}},
		{"the last drop-in by name wins", nil, nil, map[string]string{file: "token: a", file + ".d/2.yml": "token: c", file + ".d/1.yaml": "token: b"}, "token", want{"c", true, []string{"c"}}},
		{"other files beside the drop-ins are none", nil, nil, map[string]string{file: "token: a", file + ".d/2.yaml.bak": "token: c"}, "token", want{"a", true, []string{"a"}}},
		{"a plus appends", nil, nil, map[string]string{file: "tls-san: a", file + ".d/1.yaml": "tls-san+: [b, c]"}, "tls-san", want{"c", true, []string{"a", "b", "c"}}},
		{"without one, a later key throws the rest away", nil, nil, map[string]string{file: "tls-san: [a, b]", file + ".d/1.yaml": "tls-san+: c", file + ".d/2.yaml": "tls-san: d"}, "tls-san", want{"d", true, []string{"d"}}},
		{"the command line beats the files", []string{"server", "--token", "cli"}, nil, map[string]string{file: "token: a"}, "token", want{"cli", true, []string{"a", "cli"}}},
		{"lists of both accumulate", []string{"server", "--tls-san=c"}, nil, map[string]string{file: "tls-san: [a, b]"}, "tls-san", want{"c", true, []string{"a", "b", "c"}}},
		{"the files beat the environment", nil, map[string]string{"K3S_TOKEN": "env"}, map[string]string{file: "token: a"}, "token", want{"a", true, []string{"a"}}},
		{"the environment where nothing else speaks", nil, map[string]string{"K3S_URL": "https://a:6443"}, nil, "server", want{"https://a:6443", true, []string{"https://a:6443"}}},
		{"an empty value takes the environment back", nil, map[string]string{"K3S_URL": "https://a:6443"}, map[string]string{file + ".d/1.yaml": `server: ""`}, "server", want{"", true, []string{""}}},
		{"an empty flag takes all back", []string{"server", "--server="}, map[string]string{"K3S_URL": "b"}, map[string]string{file: "server: a"}, "server", want{"", true, []string{"a", ""}}},
		{"an empty value does not take a flag back", []string{"server", "--server", "https://a:6443"}, nil, map[string]string{file: `server: ""`}, "server", want{"https://a:6443", true, []string{"", "https://a:6443"}}},
		{"a switch before another flag", []string{"server", "--cluster-init", "--token", "t"}, nil, nil, "cluster-init", want{"true", true, []string{"true"}}},
		{"a switch with a value", []string{"server", "--etcd-s3=false"}, nil, map[string]string{file: "etcd-s3: true"}, "etcd-s3", want{"false", true, []string{"true", "false"}}},
		{"one letter", []string{"server", "-d", "/srv/k3s"}, nil, nil, "data-dir", want{"/srv/k3s", true, []string{"/srv/k3s"}}},
		{"one dash and a long name", []string{"server", "-token=a"}, nil, nil, "token", want{"a", true, []string{"a"}}},
		{"another file by flag", []string{"server", "--config", "/srv/c.yaml"}, nil, map[string]string{"/srv/c.yaml": "token: a", "/srv/c.yaml.d/1.yaml": "token: b", file: "token: no"}, "token", want{"b", true, []string{"b"}}},
		{"another file by environment beats that", []string{"server", "-c", "/srv/c.yaml"}, map[string]string{"K3S_CONFIG_FILE": "/srv/e.yaml"}, map[string]string{"/srv/c.yaml": "token: a", "/srv/e.yaml": "token: e"}, "token", want{"e", true, []string{"e"}}},
		{"numbers and booleans are arguments", nil, nil, map[string]string{file: "etcd-snapshot-retention: 7"}, "etcd-snapshot-retention", want{"7", true, []string{"7"}}},
		{"an empty list sets nothing", nil, map[string]string{"K3S_DISABLE": "a,b"}, map[string]string{file: "disable: []"}, "disable", want{"a,b", true, []string{"a", "b"}}},
		{"keys of S3 have Amazon's variables", nil, map[string]string{"AWS_ACCESS_KEY_ID": "k"}, nil, "etcd-s3-access-key", want{"k", true, []string{"k"}}},
		{"an empty file", nil, nil, map[string]string{file: "# nothing\n"}, "token", want{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Read(Invocation{Args: tt.args, Env: tt.env, Prefix: "K3S", File: file}, files(tt.files))
			if err != nil {
				t.Fatal(err)
			}
			got := want{list: c.List(tt.flag)}
			got.value, got.set = c.Lookup(tt.flag)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	for _, text := range []string{"- a\n- b", "just words", "a: ["} {
		if _, err := Read(Invocation{Prefix: "K3S", File: file}, files(map[string]string{file: text})); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	_, err := Read(Invocation{Prefix: "K3S", Args: []string{"server", "--config=https://a/c.yaml"}}, files(nil))
	if !errors.Is(err, ErrRemote) {
		t.Errorf("a URL: %v", err)
	}
}

func TestSwitchesAndFallbacks(t *testing.T) {
	c, err := Read(Invocation{Prefix: "RKE2", File: file, Args: []string{"server", "--debug", "--data-dir="}}, files(nil))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Bool("debug") || c.Bool("etcd-s3") || c.String("data-dir", "/d") != "/d" {
		t.Errorf("debug %v, etcd-s3 %v, data-dir %q", c.Bool("debug"), c.Bool("etcd-s3"), c.String("data-dir", "/d"))
	}
	if diff := cmp.Diff([]string{"data-dir", "debug"}, c.Flags()); diff != "" {
		t.Error(diff)
	}
}
