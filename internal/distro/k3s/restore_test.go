package k3s

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// What the program says, as it was seen.
const (
	saidDone  = `time="T" level=error msg="Shutdown request received: \"Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes\""` + "\n"
	saidInfo  = `time="T" level=info msg="Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes"` + "\n"
	saidUp    = `time="T" level=info msg="k3s is up and running"` + "\n"
	saidOther = `time="T" level=error msg="Shutdown request received: \"etcd join failed\""` + "\n"
	saidKeys  = `time="T" level=warning msg="Unable to lookup path to reconcile EncryptionConfig"` + "\n"
	saidWarn  = `time="T" level=warning msg="Unknown flag --token=hunter22 found in config.yaml, skipping\n"` + "\n"

	wrongFatal    = `time="T" level=fatal msg="Error: starting kubernetes: preparing server: failed to bootstrap cluster data: bootstrap data already found and encrypted with different token"` + "\n"
	wrongShutdown = `time="T" level=error msg="Shutdown request received: \"failed to save bootstrap data: bootstrap data already found and encrypted with different token\""` + "\n"
	wrongCancel   = wrongShutdown + `time="T" level=fatal msg="Error: context canceled"` + "\n"
)

// ended is a reset that has ended, with what it has said.
func ended(t *testing.T, said string) *reset {
	t.Helper()
	r := &reset{dir: t.TempDir(), node: machine(t, K3s, server(), nil), cfg: distro.RestoreConfig{File: "/snap"}}
	if err := errors.Join(os.WriteFile(r.path("output"), []byte(said), 0o600), os.WriteFile(r.path("token"), []byte("hunter22\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAResetHasWorkedOnlyWhenItSaysSoAndEndsWell(t *testing.T) {
	well := systemd.Run{Known: true, Exit: 0, Result: "success"}
	for name, test := range map[string]struct {
		said string
		run  systemd.Run
		want bool
	}{
		"in the newest releases":                   {saidUp + saidDone, well, true},
		"in older ones":                            {saidInfo, well, true},
		"it is up and running, and no more":        {saidUp, well, false},
		"it was shut down for something else":      {saidUp + saidOther, well, false},
		"it says so and fails":                     {saidDone, systemd.Run{Known: true, Exit: 1, Result: "exit-code"}, false},
		"it says so and does not end":              {saidDone, systemd.Run{Known: true, Running: true, Exit: -1, Result: "success"}, false},
		"it says so and is killed":                 {saidDone, systemd.Run{Known: true, Exit: -1, Result: "signal"}, false},
		"it says so, and the time was over":        {saidDone, systemd.Run{Known: true, Exit: 0, Result: "timeout"}, false},
		"an output, and nobody knows of its end":   {saidDone, systemd.Run{Exit: -1, Result: "success"}, false},
		"the keys of the Secrets were thrown away": {saidKeys + saidDone, well, false},
		"nothing": {"", well, false},
	} {
		if got := ended(t, test.said).done(t.Context(), test.run); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhyAResetDidNotWorkIsSaidWithWhatToDo(t *testing.T) {
	exit := func(code int) systemd.Run {
		if code == 0 {
			return systemd.Run{Known: true, Exit: 0, Result: "success"}
		}
		return systemd.Run{Known: true, Exit: code, Result: "exit-code"}
	}
	const token = "the token is another"
	for name, test := range map[string]struct {
		said       string
		run        systemd.Run
		kind       problem.Kind
		says, next string
	}{
		"wrong token, fatal":     {wrongFatal, exit(1), problem.Denied, token, "secretName"},
		"wrong token, exit 0":    {wrongShutdown, exit(0), problem.Denied, token, "secretName"},
		"wrong token, cancelled": {wrongCancel, exit(1), problem.Denied, token, "secretName"},
		"what is sealed does not open": {
			`time="T" level=fatal msg="Error: starting kubernetes: preparing server: failed to bootstrap cluster data: cipher: message authentication failed"`,
			exit(1), problem.Damaged, "do not open with the token", "secretName",
		},
		"no secrets-encryption": {saidKeys + saidDone, exit(0), problem.Refused, "encrypts its Secrets", "secrets-encryption: true"},
		"a changed byte": {
			`time="T" level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: expected sha256 [1], got [2]"`,
			exit(1), problem.Damaged, "expected sha256", "another copy",
		},
		"a port in use": {
			`time="T" level=fatal msg="Error: listen tcp 127.0.0.1:6444: bind: address already in use"`, exit(1), problem.Failed, "127.0.0.1:6444", "the port that is named",
		},
		"another shutdown": {saidOther, exit(0), problem.Failed, "etcd join failed", "read all"},
		"no end":           {saidUp, systemd.Run{Known: true, Exit: 0, Result: "timeout"}, problem.Unfinished, "did not end in time", "read all"},
		"killed":           {saidUp, systemd.Run{Known: true, Exit: -1, Result: "oom-kill"}, problem.Failed, "oom-kill", "read all"},
		"stopped by hand":  {saidUp, systemd.Run{Exit: -1}, problem.Failed, "somebody stopped it", "try again"},
		"its warnings are not what it says": {
			`time="T" level=fatal msg="Error: no"` + "\n" + saidWarn, exit(1), problem.Failed, "exit code 1: Error: no", "read all",
		},
		"secrets are left out": {`time="T" level=fatal msg="Error: bad hunter22"`, exit(1), problem.Failed, "bad ***", "read all"},
	} {
		err := ended(t, test.said).failed(t.Context(), test.run)
		if problem.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) || !strings.Contains(problem.NextOf(err), test.next) {
			t.Errorf("%s: kind %d: %v (next: %s)", name, problem.KindOf(err), err, problem.NextOf(err))
		}
		if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s gives a secret away: %v", name, err)
		}
	}
}

func TestWhatAResetSaysIsToldWithoutWarningsAndSecrets(t *testing.T) {
	lines := strings.Repeat("line\n", 30)
	got := tail(lines+saidWarn+"the token is hunter22\n\n", "hunter22", "line"[:2])
	if strings.Count(got, "\n") != maxLines-1 || !strings.HasSuffix(got, "line\nthe token is ***") || strings.Contains(got, "Unknown flag") {
		t.Error(got)
	}
}

func TestAResetIsTheServersOwnCommandAndNoSecret(t *testing.T) {
	args := []string{
		"--token", "hunter22", "-t", "hunter22", "--server=https://a:6443", "-s", "https://b:6443", "--tls-san", "x", "--etcd-s3", "--etcd-s3-bucket=b",
		"--etcd-s3-secret-key", "hunter22", "--disable-agent", "--cluster-reset", "--cluster-reset-restore-path=/old", "--token-file=/x", "--etcd-snapshot-dir=/s",
	}
	r := &reset{dir: "/var/lib/holdfast/reset/u1", node: machine(t, K3s, server(args...), nil)}
	want := []string{
		"/usr/local/bin/k3s", "server", "--tls-san", "x", "--disable-agent", "--etcd-snapshot-dir=/s",
		"--cluster-reset", "--cluster-reset-restore-path=/snap", "--server=", "--token=", "--token-file=/var/lib/holdfast/reset/u1/token",
		"--etcd-s3=false", "--etcd-disable-snapshots=false",
	}
	if diff := cmp.Diff(want, r.command("/snap")); diff != "" {
		t.Error(diff)
	}
}

func TestNoRestoreHasANameThatLeadsElsewhere(t *testing.T) {
	d := New(Config{Flavour: K3s, StateDir: t.TempDir()})
	for _, id := range []string{"", "../x", "a/b", "a b", "-x", strings.Repeat("x", 101), "a;b"} {
		if _, err := d.reset(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
	if r, err := d.reset("0b2cd6c4-8a5e-4c1e-9a7e-2f6d5d1f9c11"); err != nil || r.unit.(systemd.Unit).Name != "holdfast-reset-0b2cd6c4-8a5e-4c1e-9a7e-2f6d5d1f9c11.service" {
		t.Error(r, err)
	}
}

func TestOldDataIsNeverTakenForAnAttemptAndAnAttemptIsRemovedWhole(t *testing.T) {
	const srv = "/var/lib/rancher/k3s/server/"
	for _, path := range []string{"db/etcd/member/snap/db", "tls/server-ca.crt", "cred/passwd", "db/reset-flag"} {
		r := &reset{dir: filepath.Join(t.TempDir(), "reset", "u1"), node: machine(t, K3s, server(), map[string]string{srv + path: "x"})}
		if err := r.clear(); problem.KindOf(err) != problem.Refused {
			t.Errorf("%s: %v", path, err)
		}
		if !r.node.exists(srv+path) || r.begun() {
			t.Errorf("%s was touched", path)
		}
	}
	r := &reset{dir: filepath.Join(t.TempDir(), "reset", "u1"), node: machine(t, K3s, server(), map[string]string{
		srv + "db/snapshots/s": "x", srv + "tls-1": "/", srv + "token": "t", srv + "db/etcd-old-1/name": "x",
	})}
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"db/etcd/member", "tls", "cred", "tls-2", "db/etcd-old-2"} {
		if err := os.MkdirAll(r.node.at(srv+path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(r.node.at(srv+"db/reset-flag"), nil, 0o600), os.WriteFile(r.path("token"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := filepath.WalkDir(r.node.at(srv), func(path string, d os.DirEntry, err error) error {
		left = append(left, strings.TrimPrefix(path, r.node.at(srv)))
		return err
	})
	slices.Sort(left)
	want := []string{"", "/db", "/db/etcd-old-1", "/db/etcd-old-1/name", "/db/snapshots", "/db/snapshots/s", "/tls-1", "/token"}
	if diff := cmp.Diff(want, left); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := os.Stat(r.path("token")); err == nil {
		t.Error("the token of the attempt is left")
	}
}

// packed is a snapshot as the distribution keeps it, with the same in a zip.
func packed(t *testing.T, puts ...[2]string) (raw, zipped string) {
	t.Helper()
	db, err := os.ReadFile(databaseFile(t, puts...))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(db)
	raw, zipped = filepath.Join(t.TempDir(), "mine-n1-1"), filepath.Join(t.TempDir(), "mine-n1-1.zip")
	if err := os.WriteFile(raw, append(db, sum[:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	w, err := z.Create("mine-n1-1")
	if err == nil {
		_, err = io.Copy(w, strings.NewReader(string(db)+string(sum[:])))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return raw, zipped
}

func TestTheProgramGetsTheSnapshotUnpackedAndATokenThatOpensIt(t *testing.T) {
	const token = "K10a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9abcd::server:secret"
	raw, zipped := packed(t, [2]string{"/bootstrap/" + TokenDigest("secret"), "salt:sealed"})
	want, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	given := filepath.Join(t.TempDir(), "given")
	if err := os.WriteFile(given, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{raw, zipped} {
		r := &reset{
			dir: t.TempDir(), node: machine(t, K3s, server("--token="+token), nil),
			cfg: distro.RestoreConfig{File: file, SpoolDir: t.TempDir(), Report: func(string, string) {}},
		}
		path, err := r.snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s: %d bytes, want %d: %v", file, len(got), len(want), err)
		}
		r.cfg.TokenFile = given
		if _, err := r.key(t.Context(), path); problem.KindOf(err) != problem.Denied {
			t.Errorf("a wrong token: %v", err)
		}
		r.cfg.TokenFile = ""
		opens, err := r.key(t.Context(), path)
		if err == nil {
			err = r.handOver(opens)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{r.path("token"), r.node.at(r.node.serverDir("token"))} {
			if got, err := os.ReadFile(path); string(got) != "secret\n" || err != nil {
				t.Errorf("%s: %q, %v", path, got, err)
			}
		}
	}
}

func TestALearnerIsAwaited(t *testing.T) {
	votes, learns := etcd.Member{ID: 1, Name: "a"}, etcd.Member{ID: 2, Name: "b", Learner: true}
	for name, test := range map[string]struct {
		members []etcd.Member
		id      string
		yet     bool
	}{
		"all vote":                 {[]etcd.Member{votes}, "", true},
		"one learns":               {[]etcd.Member{votes, learns}, "", false},
		"the other one learns":     {[]etcd.Member{votes, learns}, "1", true},
		"this one learns":          {[]etcd.Member{votes, learns}, "2", false},
		"this one is not there":    {[]etcd.Member{votes}, "2", false},
		"there is nobody to await": {nil, "", true},
	} {
		if err := awaited(test.members, test.id); (err == nil) != test.yet || err != nil && !errors.Is(err, distro.ErrNotYet) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
