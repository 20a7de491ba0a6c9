package k3s

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/distro/k3s/config"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// all that the machine is told, by flags.
func (n *node) all() map[string][]string {
	flags := map[string][]string{}
	for _, flag := range append(n.config.Flags(), inherited...) {
		if values := n.present(flag); len(values) > 0 {
			flags[flag] = values
		}
	}
	return flags
}

// TestAConfigurationThatWasWrittenIsReadAsTheSnapshotHadIt, whatever the machine had before: files and drop-ins of any
// shape, values that look like something else.
func TestAConfigurationThatWasWrittenIsReadAsTheSnapshotHadIt(t *testing.T) {
	scratch := t.TempDir()
	flags := rapid.SampledFrom([]string{"disable", "cluster-cidr", "kubelet-arg", "tls-san", "node-name", "server", "etcd-s3-secret-key", "v"})
	value := rapid.OneOf(rapid.StringMatching(`[ -~]{0,6}`), rapid.SampledFrom([]string{"", "7", "true", "~", "null", "1e3", "0x1f", "- a", "a: b", "'", "#", "é\n"}))
	values := rapid.SliceOfN(value, 1, 3)
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp(scratch, "")
		must(err)
		must(os.MkdirAll(filepath.Join(root, k3sConfig+".d"), 0o700))
		for _, file := range []string{k3sConfig, k3sConfig + ".d/a.yaml", k3sConfig + ".d/b.yml"} {
			content := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "keys") {
				content[flags.Draw(t, "key")+rapid.SampledFrom([]string{"", "+"}).Draw(t, "appends")] = values.Draw(t, "value")
			}
			text, err := yaml.Marshal(content)
			must(err)
			must(os.WriteFile(filepath.Join(root, file), text, 0o644))
		}
		command := systemd.Command{Program: "/usr/local/bin/k3s", Args: []string{"server"}, Env: map[string]string{"K3S_URL": "https://env:6443"}}
		n, err := read(K3s, unit{systemd.Unit{Name: "k3s.service", Root: "/"}}, command, root)
		must(err)
		before := n.all()
		snapshot := rapid.MapOf(flags, values).Draw(t, "snapshot")
		carried, err := json.Marshal(snapshot)
		must(err)
		if err := n.configure(carried, map[string]string{"etcd-s3-secret-key": "s3cret"}); err != nil {
			t.Fatal(err)
		}
		want := maps.Clone(snapshot)
		for _, flag := range own {
			delete(want, flag)
			if have, ok := before[flag]; ok {
				want[flag] = have
			}
		}
		after, err := read(K3s, n.unit, command, root)
		must(err)
		if diff := cmp.Diff(want, after.all()); diff != "" {
			t.Fatal(diff)
		}
		if info, err := os.Stat(filepath.Join(root, k3sConfig)); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info.Mode(), err)
		}
	})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestWhatASnapshotDoesNotCarryComesFromTheRestoreOrFromTheMachine(t *testing.T) {
	files := map[string]string{k3sConfig: "token: mine\netcd-s3-secret-key: own\nnode-name: n1\nserver: https://a:6443\n", k3sConfig + ".d/z.yaml": "disable: traefik\n"}
	n := machine(t, K3s, server("--debug"), files)
	snapshot := json.RawMessage(`{"token":"***","etcd-s3-secret-key":"***","node-name":"other","debug":"true","cluster-reset":"true"}`)
	if err := n.configure(snapshot, map[string]string{"token": "given"}); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"token": {"given"}, "etcd-s3-secret-key": {"own"}, "node-name": {"n1"}, "server": {"https://a:6443"}, "debug": {"true"},
	}
	if diff := cmp.Diff(want, again(t, n).all()); diff != "" {
		t.Error(diff)
	}
	_, err := machine(t, K3s, server(), nil).merged(json.RawMessage(`{"agent-token":"***","vpn-auth":"***","a":"b"}`), nil)
	if err == nil || !strings.Contains(err.Error(), "no value for agent-token, vpn-auth") {
		t.Errorf("missing secrets: %v", err)
	}
}

func TestWhatTheCommandLineSaysIsNeitherWrittenTwiceNorOverruled(t *testing.T) {
	n := machine(t, K3s, server("--tls-san=cli", "--disable=traefik", "--node-ip", "10.0.0.1"), map[string]string{k3sConfig: "tls-san: [file]\n"})
	if err := n.configure(json.RawMessage(`{"disable":["servicelb","traefik"],"tls-san":"other"}`), nil); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"tls-san": {"file", "cli"}, "disable": {"servicelb", "traefik"}, "node-ip": {"10.0.0.1"}}
	if diff := cmp.Diff(want, again(t, n).all()); diff != "" {
		t.Error(diff)
	}
	n = machine(t, K3s, server("--cluster-cidr=10.0.0.0/8", "--disable=traefik"), nil)
	_, err := n.merged(json.RawMessage(`{"cluster-cidr":"10.1.0.0/16"}`), nil)
	if err == nil || !strings.Contains(err.Error(), "--cluster-cidr, --disable") {
		t.Errorf("against the command line: %v", err)
	}
}

// A death at any point leaves what is needed to finish: the machine's own values are in the new file alone by then.
func TestAConfigurationThatIsHalfWrittenIsFinished(t *testing.T) {
	files := map[string]string{
		k3sConfig: "tls-san: [a]\n", k3sConfig + ".d/1.yaml": "tls-san+: [b]\n", k3sConfig + ".d/2.yaml": "disable: traefik\n", k3sConfig + ".d/keep.txt": "notes",
	}
	snapshot := json.RawMessage(`{"disable":"servicelb"}`)
	for _, gone := range [][]string{nil, {"1.yaml"}, {"1.yaml", "2.yaml"}} {
		n := machine(t, K3s, server(), files)
		flags, err := n.merged(snapshot, nil)
		if err == nil {
			err = n.stageConfig(flags)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range gone {
			must(os.Remove(n.at(k3sConfig+".d", name)))
		}
		for range 2 {
			if n = again(t, n); n.configure(snapshot, nil) != nil {
				t.Fatal(err)
			}
		}
		want := map[string][]string{"tls-san": {"a", "b"}, "disable": {"servicelb"}}
		if diff := cmp.Diff(want, again(t, n).all()); diff != "" {
			t.Errorf("%v: %s", gone, diff)
		}
		left, err := filepath.Glob(n.at(k3sConfig + "*/*"))
		if diff := cmp.Diff([]string{n.at(k3sConfig + ".d/keep.txt")}, left); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
}

func TestANewFileIsRemovedByTheUndo(t *testing.T) {
	n := machine(t, K3s, server(), nil)
	for _, path := range []string{k3sConfig + staged, "/usr/local/bin/k3s" + staged} {
		found := false
		for _, b := range owned(t, n) {
			found = found || b.Path == path && b.Copy
		}
		if !found {
			t.Errorf("%s is no belonging", path)
		}
	}
}

func TestRenderedFlagsAreStrings(t *testing.T) {
	text, err := config.Render(map[string][]string{"a": {"7"}, "b": {"true", "~"}, "c": nil})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	must(yaml.Unmarshal(text, &back))
	if diff := cmp.Diff(map[string]any{"a": "7", "b": []any{"true", "~"}}, back, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSorted(strings.Split(string(text), "\n")[:2]) {
		t.Errorf("%s", text)
	}
}

func TestWhatAConfigurationChangesIsToldWithoutSecrets(t *testing.T) {
	files := map[string]string{
		k3sConfig:               "token: mine\netcd-s3-secret-key: own\nnode-name: n1\nserver: https://a:6443\ndisable: [traefik]\nv: 2\n",
		k3sConfig + ".d/z.yaml": "kube-apiserver-arg+: [max-requests-inflight=302]\n",
	}
	n := machine(t, K3s, server("--debug"), files)
	wanted, err := n.wanted(json.RawMessage(`{"token":"***","etcd-s3-secret-key":"***","node-name":"other","debug":"true",
		"disable":["traefik","servicelb"],"kube-apiserver-arg":"max-requests-inflight=301","cluster-cidr":"10.42.0.0/16"}`), map[string]string{"etcd-s3-secret-key": "given"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cluster-cidr comes back as 10.42.0.0/16", "disable becomes traefik,servicelb, and is traefik", "etcd-s3-secret-key becomes ***, and is ***",
		"kube-apiserver-arg becomes max-requests-inflight=301, and is max-requests-inflight=302", "v goes, which is 2",
	}
	if diff := cmp.Diff(want, n.differences(wanted)); diff != "" {
		t.Error(diff)
	}
}
