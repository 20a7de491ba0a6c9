package k3s

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// program is one that says what a test wants, and writes the arguments that it got into a file beside it.
func program(t *testing.T, script string) (command, func() []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "k3s")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nfor a; do echo \"$a\"; done > "+dir+"/args\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := command{program: path, flavour: K3s, server: "https://127.0.0.1:7443", dataDir: "/data", snapshotDir: "/snaps", configFile: "/etc/k.yaml"}
	return c, func() []string {
		data, err := os.ReadFile(dir + "/args")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(data))
	}
}

const noise = `printf "%s\n" 'time="2026-11-23T05:00:00Z" level=warning msg="Unknown flag --tls-san found in config.yaml, skipping\n"' >&2;`

func TestASaveIsWhatTheProgramSaysItSaved(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		names  []string
		why    string
	}{
		"one file":           {noise + `echo 'time="x" level=info msg="Snapshot on-demand-n1-17 saved."' >&2`, []string{"on-demand-n1-17"}, ""},
		"on a terminal":      {`printf '\033[36mINFO \033[0m[0000] Snapshot a-n1-17.zip saved.\n' >&2`, []string{"a-n1-17.zip"}, ""},
		"nothing, exit 0":    {noise, nil, ""},
		"the server refuses": {noise + `echo 'time="x" level=fatal msg="Error: see server log for details: \"not\" authorized"' >&2; exit 1`, nil, `k3s etcd-snapshot save ended with exit code 1: Error: see server log for details: "not" authorized`},
		"it says nothing":    {noise + "exit 3", nil, "k3s etcd-snapshot save ended with exit code 3: it said nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			c, args := program(t, test.script)
			names, err := c.save(t.Context(), "on-demand")
			why := ""
			if err != nil {
				why = err.Error()
			}
			if diff := cmp.Diff(test.names, names); diff != "" || why != test.why {
				t.Error(why, diff)
			}
			want := []string{
				"etcd-snapshot", "save", "--data-dir=/data", "--etcd-server=https://127.0.0.1:7443", "--etcd-snapshot-dir=/snaps", "--etcd-s3=false",
				"--etcd-snapshot-compress=false", "--name=on-demand",
			}
			if diff := cmp.Diff(want, args()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAProgramThatDoesNotAnswerIsEnded(t *testing.T) {
	c, _ := program(t, "exec sleep 600")
	_, err := c.run(t.Context(), 100*time.Millisecond, "etcd-snapshot", "ls", "--x")
	if err == nil || !strings.Contains(err.Error(), "run k3s etcd-snapshot ls: no answer") {
		t.Error(err)
	}
}

func TestAListIsWhatTheProgramKnows(t *testing.T) {
	c, _ := program(t, noise+`cat <<END
{"apiVersion":"v1","kind":"List","items":[{"spec":{"snapshotName":"a-n1-17","nodeName":"n1","location":"file:///snaps/a-n1-17"},
"status":{"creationTime":"2026-11-23T05:00:00Z","readyToUse":true,"size":"9M"}}],"metadata":{}}
END`)
	got, err := c.list(t.Context())
	if err != nil || len(got) != 1 || got[0].Spec.Name != "a-n1-17" || got[0].Spec.Location != "file:///snaps/a-n1-17" || !got[0].Status.Ready {
		t.Errorf("%+v, %v", got, err)
	}
	c, _ = program(t, "echo no list")
	if got, err := c.list(t.Context()); err == nil {
		t.Errorf("what is no list is %v", got)
	}
}

func TestNamesOfFilesStandBehindTheFlags(t *testing.T) {
	c, args := program(t, `echo 'level=warning msg="Snapshot a not found."' >&2`)
	if err := c.delete(t.Context(), "a", "b.zip"); err != nil {
		t.Fatal(err)
	}
	got := args()
	if diff := cmp.Diff([]string{"--etcd-s3=false", "a", "b.zip"}, got[len(got)-3:]); diff != "" {
		t.Error(diff)
	}
}

func TestTheVersionIsTheProgramsOwn(t *testing.T) {
	c, _ := program(t, "echo 'k3s version v1.36.3+k3s1 (2a1e2e8c)'; echo 'go version go1.26.1'")
	if got, err := c.version(t.Context()); got != "v1.36.3+k3s1" || err != nil {
		t.Error(got, err)
	}
	c, _ = program(t, "exit 1")
	if got, err := c.version(t.Context()); err == nil {
		t.Error(got)
	}
}
