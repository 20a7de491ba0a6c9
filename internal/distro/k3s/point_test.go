package k3s

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

const (
	k3sConfig  = "/etc/rancher/k3s/config.yaml"
	serverYAML = k3sConfig + ".d/zz-holdfast-server.yaml"
)

func agent(args ...string) systemd.Command {
	return systemd.Command{Args: append([]string{"agent"}, args...)}
}

// again reads a machine's files anew.
func again(t *testing.T, n *node) *node {
	t.Helper()
	n, err := read(n.flavour, n.unit, n.command, n.root)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheServerFileBeatsFilesAndEnvironment(t *testing.T) {
	for name, n := range map[string]*node{
		"the file":        machine(t, K3s, server(), map[string]string{k3sConfig: "server: https://old:6443\n"}),
		"another drop-in": machine(t, K3s, server(), map[string]string{k3sConfig + ".d/99-own.yaml": "server: https://old:6443\n"}),
		"the environment": machine(t, K3s, systemd.Command{Args: []string{"agent"}, Env: map[string]string{"K3S_URL": "https://old:6443"}}, nil),
		"nothing":         machine(t, K3s, server("--cluster-init"), nil),
	} {
		for _, want := range []string{"https://new:6443", ""} {
			if err := n.writeServerFile(map[string]string{"server": want}); err != nil {
				t.Fatal(err)
			}
			if got := again(t, n).config.String("server", ""); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
			plain, err := again(t, n).withoutDropIn()
			if err != nil {
				t.Fatal(err)
			}
			if got := plain.String("server", ""); name != "nothing" && got != "https://old:6443" {
				t.Errorf("%s: without the file it is %q", name, got)
			}
		}
		info, err := os.Stat(n.at(serverYAML))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		if err := errors.Join(n.removeServerFile(), n.removeServerFile()); err != nil || n.exists(serverYAML) {
			t.Error(err)
		}
	}
}

func TestACommandLineThatNamesAServerIsReplacedWithoutIt(t *testing.T) {
	env := map[string]string{"ARGS": "--server https://old:6443 --debug", "TOKEN": "secret"}
	for name, test := range map[string]struct {
		words []string
		want  string
	}{
		"none":            {[]string{"server", "--tls-san", "a"}, ""},
		"in two words":    {[]string{"server", "--server", "https://old:6443", "--token", "${TOKEN}"}, `"server" "--token" "${TOKEN}"`},
		"in one word":     {[]string{"server", "--server=https://old:6443", "--tls-san=50%"}, `"server" "--tls-san=50%%"`},
		"by one letter":   {[]string{"server", "-s", "https://old:6443"}, `"server"`},
		"in a variable":   {[]string{"server", "$ARGS", "--x=${TOKEN}"}, `"server" "--debug" "--x=secret"`},
		"more than once":  {[]string{"server", "--server", "https://a:6443", "--server=https://b:6443"}, `"server"`},
		"a flag like it":  {[]string{"server", "--server-x", "a"}, ""},
		"empty, and last": {[]string{"server", "--server="}, `"server"`},
	} {
		n := machine(t, K3s, systemd.Command{Args: systemd.Expand(test.words, env), Words: test.words, Env: env}, nil)
		words, changed := n.silent(map[string]string{"server": "https://new:6443"})
		if changed != (test.want != "") {
			t.Errorf("%s: changed %v", name, changed)
		}
		if got, want := systemd.Line(n.command.Program, words), `"/usr/local/bin/k3s" `+test.want; changed && got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestAFileSystemWithoutOneOfItsFiles(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(root+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := hiding{os.DirFS(root), "b"}
	entries, err := fs.ReadDir(h, ".")
	if err != nil || len(entries) != 1 || entries[0].Name() != "a" {
		t.Error(entries, err)
	}
	if _, err := fs.ReadFile(h, "b"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestAStartThatWouldFoundAnEmptyClusterIsRefused(t *testing.T) {
	const etcd = "/var/lib/rancher/k3s/server/db/"
	for name, test := range map[string]struct {
		n       *node
		refused bool
	}{
		"nothing to serve, nobody to join":           {machine(t, K3s, server("--cluster-init"), nil), true},
		"data without a log, as left by a bad reset": {machine(t, K3s, server(), map[string]string{etcd + "etcd/member/snap/db": "x"}), true},
		"data":                 {machine(t, K3s, server(), map[string]string{etcd + "etcd/member/wal/0.wal": "x"}), false},
		"SQLite":               {machine(t, K3s, server(), map[string]string{etcd + "state.db": "x"}), false},
		"somebody to join":     {machine(t, RKE2, server("--server=https://a:9345"), nil), false},
		"a worker":             {machine(t, RKE2, agent(), nil), false},
		"an external database": {machine(t, K3s, server("--datastore-endpoint=mysql://a"), nil), false},
		"another's etcd":       {machine(t, K3s, server("--disable-etcd", "--server=https://a:6443"), nil), false},
	} {
		if err := test.n.founds(); (err != nil) != test.refused || err != nil && problem.KindOf(err) != problem.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBelongingsAreWhatARoleHas(t *testing.T) {
	const srv, bin = "/var/lib/rancher/k3s/server/", "/usr/local/bin/"
	config := []string{
		k3sConfig, k3sConfig + staged, k3sConfig + ".d", "/etc/systemd/system/k3s.service.d/zz-holdfast-server.conf",
		bin + "k3s", bin + "k3s" + staged, bin + "k3s-killall.sh", bin + "k3s-killall.sh" + staged,
		bin + "k3s-uninstall.sh", bin + "k3s-uninstall.sh" + staged,
	}
	secrets := []string{srv + "token", srv + "agent-token", srv + "manifests"}
	for name, test := range map[string]struct {
		n             *node
		moved, copied []string
	}{
		"a server":                  {machine(t, K3s, server(), nil), []string{srv + "db/etcd", srv + "db/reset-flag", srv + "tls", srv + "cred"}, append(secrets, config...)},
		"a server of control plane": {machine(t, K3s, server("--disable-etcd"), nil), []string{srv + "tls", srv + "cred"}, append(secrets, config...)},
		"a worker":                  {machine(t, K3s, agent(), nil), nil, config},
	} {
		var moved, copied []string
		for _, b := range owned(t, test.n) {
			if b.Copy {
				copied = append(copied, b.Path)
			} else {
				moved = append(moved, b.Path)
			}
			if b.Remake || b.Path == srv+"db" || strings.Contains(b.Path, "snapshots") {
				t.Errorf("%s: %+v", name, b)
			}
		}
		if diff := cmp.Diff(test.moved, moved) + cmp.Diff(test.copied, copied); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestATokenIsWrittenOnlyWhereTheMachineWouldUseAnother(t *testing.T) {
	const password, through = "new", "https://a:6443"
	for name, test := range map[string]struct {
		n    *node
		join distro.Joining
		want map[string]string
	}{
		"it has that one":                      {machine(t, K3s, server("--token=K10ab::server:new"), nil), distro.Joining{Token: password}, nil},
		"none was given":                       {machine(t, K3s, server("--token=old"), nil), distro.Joining{}, nil},
		"another on the command line":          {machine(t, K3s, server("--token=old"), nil), distro.Joining{Token: password}, map[string]string{"token": password}},
		"another in the file":                  {machine(t, K3s, server(), map[string]string{k3sConfig: "token: old\n"}), distro.Joining{Token: password}, map[string]string{"token": password}},
		"a first server, which keeps its own":  {machine(t, K3s, server("--cluster-init"), nil), distro.Joining{Token: password}, nil},
		"none, and it is to join somebody":     {machine(t, K3s, server(), nil), distro.Joining{Server: through, Token: password}, map[string]string{"server": through, "token": password}},
		"a worker that joins through another":  {machine(t, K3s, agent("--server=https://b:6443", "-t", password), nil), distro.Joining{Server: through, Token: password}, map[string]string{"server": through}},
		"a worker with a token from elsewhere": {machine(t, K3s, agent("--server", through, "-t", "old"), nil), distro.Joining{Server: through, Token: password}, map[string]string{"token": password}},
		"a file that beats a token": {
			machine(t, K3s, server("--token=new"), map[string]string{k3sConfig: "token-file: /t\n", "/t": "old\n"}),
			distro.Joining{Token: password}, map[string]string{"token": password, "token-file": ""},
		},
	} {
		says, err := test.n.lacks(test.join)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(test.want, says, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if err := test.n.writeServerFile(says); err != nil {
			t.Fatal(err)
		}
		n := again(t, test.n)
		n.command.Args = without(n.command.Args, func(flag string) bool { return flag == "token" || flag == "t" })
		if got := again(t, n).config.String("token", ""); says["token"] != "" && got != says["token"] {
			t.Errorf("%s: the token is %q", name, got)
		}
	}
}

func TestATokenThatAnEarlierRestoreHasBroughtStays(t *testing.T) {
	n := machine(t, K3s, server(), map[string]string{k3sConfig: "token: old\n", serverYAML: "token: new\n"})
	j, err := n.complete(distro.Joining{Server: "https://a:6443"})
	if err != nil {
		t.Fatal(err)
	}
	says, err := n.lacks(j)
	if diff := cmp.Diff(map[string]string{"server": "https://a:6443", "token": "new"}, says); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if j, err := n.complete(distro.Joining{Token: "old"}); err != nil || j.Token != "old" {
		t.Error(j, err)
	}
}

func TestAServerThatFoundedTheClusterGetsTheTokenThatItMadeWhenItIsToJoin(t *testing.T) {
	const made = "K10a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9abcd::server:made"
	n := machine(t, K3s, server("--cluster-init"), map[string]string{"/var/lib/rancher/k3s/server/token": made + "\n"})
	for join, want := range map[string]map[string]string{
		"https://a:6443": {"server": "https://a:6443", "token": made},
		"":               {}, // a first server reads the file by itself
	} {
		j, err := n.complete(distro.Joining{Server: join})
		if err != nil {
			t.Fatal(err)
		}
		says, err := n.lacks(j)
		if diff := cmp.Diff(want, says); err != nil || diff != "" {
			t.Errorf("joining %q: %v %s", join, err, diff)
		}
	}
}

func TestACommandLineThatNamesATokenFileIsReplacedToo(t *testing.T) {
	words := []string{"server", "--token-file", "/t", "--tls-san=a"}
	n := machine(t, K3s, systemd.Command{Args: words, Words: words}, map[string]string{"/t": "old\n"})
	got, changed := n.silent(map[string]string{"token": "new"})
	if diff := cmp.Diff([]string{"server", "--tls-san=a"}, got); !changed || diff != "" {
		t.Errorf("%v: %s", changed, diff)
	}
}
