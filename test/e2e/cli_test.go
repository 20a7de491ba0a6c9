package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
)

// TestMain gives the program under test a place that goes with the run.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "holdfast-e2e-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program.path = filepath.Join(dir, "bin", "holdfast")
		return m.Run()
	}())
}

var program struct {
	path  string
	build sync.Once
	err   error
}

// binary is the program under test, built once per run, as make build does it. Anybody may run it: the tests of what
// an ordinary user is refused run it as one.
func binary(t testing.TB) string {
	t.Helper()
	program.build.Do(func() {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=test",
			"-o", program.path, "./cmd/holdfast")
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			program.err = fmt.Errorf("go build: %w\n%s", err, out)
			return
		}
		for dir := filepath.Dir(program.path); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			program.err = errors.Join(program.err, os.Chmod(dir, 0o755))
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// soak is set for the long runs: every combination, thousands of positions.
func soak() bool { return os.Getenv("HOLDFAST_SOAK") == "1" }

// user is somebody at a shell: a home, and an environment that holds nothing but what a test puts there.
type user struct {
	t    testing.TB
	home string
	env  []string
	uid  uint32
}

func newUser(t testing.TB, env ...string) *user {
	t.Helper()
	return &user{t: t, home: t.TempDir(), env: env}
}

// outcome is how a command ended.
type outcome struct {
	command        string
	stdout, stderr string
	code           int
}

func (o outcome) String() string {
	return fmt.Sprintf("%s\nexit code %d\n%s%s", o.command, o.code, o.stdout, o.stderr)
}

// commandTimeout is far above what any command here takes; one that hangs shall not take the whole run with it.
const commandTimeout = 5 * time.Minute

// run runs holdfast and waits for its end, whatever that is.
func (u *user) run(args ...string) outcome {
	u.t.Helper()
	return u.runProgram(binary(u.t), args...)
}

func (u *user) runProgram(path string, args ...string) outcome {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = u.home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + u.home, "TMPDIR=" + u.spool(), "TZ=UTC"}, u.env...)
	if u.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.uid}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatalf("%s %s: %v", path, strings.Join(args, " "), err)
	}
	return outcome{
		command: filepath.Base(path) + " " + strings.Join(args, " "),
		stdout:  stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode(),
	}
}

// spool is the directory for temporary files. Every command must leave it empty.
func (u *user) spool() string {
	dir := filepath.Join(u.home, "tmp")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		u.t.Fatal(err)
	}
	return dir
}

// must is run for a command that has to succeed.
func (u *user) must(args ...string) outcome {
	u.t.Helper()
	o := u.run(args...)
	if o.code != 0 {
		u.t.Fatal(o)
	}
	return o
}

// refused is run for a command that has to end with this exit code and say each of these on standard error.
func (u *user) refused(code int, says []string, args ...string) {
	u.t.Helper()
	o := u.run(args...)
	if o.code != code {
		u.t.Errorf("want exit code %d\n%s", code, o)
	}
	for _, want := range says {
		if !strings.Contains(o.stderr, want) {
			u.t.Errorf("want %q on standard error\n%s", want, o)
		}
	}
}

// ask runs a command with -o json and decodes what it prints.
func ask[T any](u *user, args ...string) T {
	u.t.Helper()
	o := u.must(append(args, "-o", "json")...)
	var v T
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
		u.t.Fatalf("%v\n%s", err, o)
	}
	return v
}

// reach are the flags and the environment with which an administrator reaches the cluster.
func reach(e *server.Etcd) (flags, env []string) {
	flags = []string{"--endpoints=" + strings.Join(e.Endpoints(), ",")}
	if tls := e.TLS(); tls != nil {
		flags = append(flags, "--cacert="+tls.CA, "--cert="+tls.Cert, "--key="+tls.Key)
	}
	if e.RootPassword != "" {
		flags, env = append(flags, "--user=root"), append(env, "ETCDCTL_PASSWORD="+e.RootPassword)
	}
	return flags, env
}
