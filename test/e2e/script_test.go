package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	clientv3 "go.etcd.io/etcd/client/v3"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

var update = flag.Bool("update", false, "write what the program prints into the scripts and golden files")

// The scripts are the contract of the command line: exit codes, texts and the keys of the JSON that others read. What
// differs from run to run is masked: see mask.
//
// Beside testscript's own commands they have these:
//
//	exits CODE [nobody] COMMAND...    run it and want this exit code; "nobody" runs it as an ordinary user
//	masked stdout|stderr|FILE OUT     write it to OUT with what varies replaced
//	sameyaml COMMAND...               run it with -o json and -o yaml and want the same from both
func TestScripts(t *testing.T) {
	servers := startServers(t)
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} { // "nobody" must get there
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Dir(binary(t))
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		WorkdirRoot: root,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			env.Setenv("TZ", "UTC")
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Vars = append(env.Vars, servers...)
			return errors.Join(os.Chmod(env.WorkDir, 0o755), os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o755),
				os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o777), os.Chmod(filepath.Join(env.WorkDir, "tmp"), 0o777))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "masked": masked, "sameyaml": sameYAML,
		},
	})
}

// startServers starts the clusters that the scripts talk to and returns the variables that name them.
func startServers(t *testing.T) []string {
	t.Helper()
	plain := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	cli := servertest.EtcdClient(t, plain)
	lease, err := cli.Grant(t.Context(), 3600)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		put(t, cli, fmt.Sprintf("/registry/configmaps/default/c%d", n), `{"kind":"ConfigMap","apiVersion":"v1"}`)
	}
	put(t, cli, "/registry/events/default/e0", `{"kind":"Event","apiVersion":"v1"}`, clientv3.WithLease(lease.ID))

	secure := servertest.Etcd(t, server.EtcdConfig{NoFsync: true, TLS: true})
	learning := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	learner, err := learning.AddLearner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	halved := servertest.Etcd(t, server.EtcdConfig{NoFsync: true, Members: 2})
	if err := halved.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	left := servertest.EtcdClient(t, halved)
	eventually(t, "the member that is left has no leader", func() bool {
		status, err := left.Status(t.Context(), halved.Members[1].ClientURL)
		return err == nil && status.Leader == 0
	})
	tls := secure.TLS()
	return []string{
		"ETCDCTL_ENDPOINTS=" + plain.Members[0].ClientURL,
		"SECURE=" + secure.Members[0].ClientURL, "CA=" + tls.CA, "CERT=" + tls.Cert, "KEY=" + tls.Key, "WRONG_CA=" + tls.WrongCA,
		"LEARNER=" + learner.ClientURL, "NO_QUORUM=" + strings.Join(halved.Endpoints(), ","),
		"ETCD36=" + servertest.Tool(t, "etcd-3.6"),
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE [nobody] COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	if args[0] == "nobody" {
		args = args[1:]
		if os.Geteuid() == 0 {
			args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, args...)
		}
	}
	err = ts.Exec(args[0], args[1:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func masked(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: masked stdout|stderr|FILE OUT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(mask(ts.ReadFile(args[0]), ts.Getenv("WORK"))), 0o644))
}

func sameYAML(ts *testscript.TestScript, _ bool, args []string) {
	run := func(format string) any {
		ts.Check(ts.Exec(args[0], append(args[1:], "-o", format)...))
		text := mask(ts.ReadFile("stdout"), ts.Getenv("WORK"))
		var v any
		if format == "yaml" {
			data, err := yaml.YAMLToJSON([]byte(text))
			ts.Check(err)
			text = string(data)
		}
		ts.Check(json.Unmarshal([]byte(text), &v))
		return v
	}
	if diff := cmp.Diff(run("json"), run("yaml")); diff != "" {
		ts.Fatalf("-o json and -o yaml differ:\n%s", diff)
	}
}

// helpNames are the commands of which users read the help, found by reading the help.
func TestEveryCommandsHelpIsAsReviewed(t *testing.T) {
	u := newUser(t)
	seen := map[string]bool{}
	var visit func(path []string)
	visit = func(path []string) {
		o := u.must(append(path, "--help")...)
		name := strings.Join(append([]string{"holdfast"}, path...), "-") + ".golden"
		seen[name] = true
		golden(t, filepath.Join("testdata", "help", name), o.stdout)
		for _, sub := range subcommands(o.stdout) {
			if sub != "completion" && sub != "help" { // the library's own
				visit(append(path[:len(path):len(path)], sub))
			}
		}
	}
	visit(nil)
	files, err := filepath.Glob(filepath.Join("testdata", "help", "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[filepath.Base(file)] {
			t.Errorf("%s is about no command", file)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d commands were found", len(seen))
	}
}

func subcommands(help string) []string {
	_, list, found := strings.Cut(help, "Available Commands:\n")
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.Lines(list) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

// golden compares a text with a file, or writes the file with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		write(t, path, []byte(got))
		return
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got); run the test with -update when the new text is right:\n%s", path, diff)
	}
}
