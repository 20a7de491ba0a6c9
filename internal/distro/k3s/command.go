package k3s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// command runs the distribution's own program. It passes no secret: the program finds its token on the disk.
type command struct {
	// program is its path.
	program string
	flavour Flavour
	// server is the supervisor that is asked: this machine's own. The default port is not read from the configuration.
	server string
	// dataDir and snapshotDir are those of the server. The command would not find out on its own where they are when only
	// the server's command line says so, and would then use the default.
	dataDir, snapshotDir string
	// configFile is the server's.
	configFile string
	// secrets are left out of what is told of its words.
	secrets []string
}

// cli is the program as it stands on this machine.
func (n *node) cli() command {
	return command{
		program: n.program(), flavour: n.flavour, server: n.supervisor(), dataDir: n.dataDir(), snapshotDir: n.snapshotDir(), configFile: n.configFile(),
		secrets: n.allSecrets(),
	}
}

// Time that a command gets. The program gives up after two minutes by itself.
const (
	snapshotTimeout = 150 * time.Second
	versionTimeout  = 30 * time.Second
	grace           = 5 * time.Second
)

// outcome is what a command left.
type outcome struct {
	stdout, stderr string
	exit           int
}

// run starts the program and waits for its end. An exit other than 0 is no error here.
func (c command) run(ctx context.Context, timeout time.Duration, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, args...)
	stdout, stderr := ending{limit: maxOutput}, ending{limit: maxOutput}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = os.Environ()
	if c.configFile != c.flavour.ConfigFile() { // one that is named must exist
		cmd.Env = append(cmd.Env, c.flavour.Env+"_CONFIG_FILE="+c.configFile)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	out := outcome{stdout: stdout.String(), stderr: stderr.String(), exit: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("run %s %s: no answer: %w", c.flavour.Name, verb(args), context.Cause(ctx))
	case err != nil && !errors.As(err, &exit):
		return out, fmt.Errorf("run %s %s: %w", c.flavour.Name, verb(args), err)
	}
	return out, nil
}

// verb is the part of a command line that says what is done.
func verb(args []string) string {
	var words []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// snapshot runs one of the verbs of etcd-snapshot. Flags stand after the verb and before names: anywhere else the program
// forgets them, or takes them for names. Each has its long spelling, because a flag that the configuration has in one
// spelling and the command in another ends it (k3s, seen on 1.36).
func (c command) snapshot(ctx context.Context, verb string, flags []string, names ...string) (outcome, error) {
	args := []string{
		"etcd-snapshot", verb, "--data-dir=" + c.dataDir, "--etcd-server=" + c.server, "--etcd-snapshot-dir=" + c.snapshotDir,
		"--etcd-s3=false", // its uploader neither tries again nor says that it failed
	}
	return c.run(ctx, snapshotTimeout, append(append(args, flags...), names...)...)
}

// refused is an answer with an exit code other than 0, with the last of what the program said.
type refused struct {
	command string
	exit    int
	said    string
}

func (e *refused) Error() string {
	return fmt.Sprintf("%s ended with exit code %d: %s", e.command, e.exit, e.said)
}

// failure makes an error of an outcome that says so.
func (c command) failure(verb string, out outcome) error {
	if out.exit == 0 {
		return nil
	}
	return &refused{command: c.flavour.Name + " etcd-snapshot " + verb, exit: out.exit, said: conceal(complaint(out.stderr), c.secrets...)}
}

var savedLine = regexp.MustCompile(`Snapshot (\S+) saved\.`)

// save asks for a snapshot and returns the names that the program says it saved: none, with no error, is one of its ways
// to fail. The file lies on this machine, since its own server was asked.
func (c command) save(ctx context.Context, base string) ([]string, error) {
	// A copy on S3 is compressed anyway, and a restore wants the plain file: some releases can't restore a zipped one (k3s#14526).
	out, err := c.snapshot(ctx, "save", []string{"--etcd-snapshot-compress=false", "--name=" + base})
	if err == nil {
		err = c.failure("save", out)
	}
	var names []string
	for _, m := range savedLine.FindAllStringSubmatch(out.stderr, -1) {
		names = append(names, m[1])
	}
	return names, err
}

// record is a snapshot as the program lists it.
type record struct {
	Spec struct {
		Name     string `json:"snapshotName"`
		Node     string `json:"nodeName"`
		Location string `json:"location"`
	} `json:"spec"`
	Status struct {
		Created time.Time `json:"creationTime"`
		Ready   bool      `json:"readyToUse"`
	} `json:"status"`
}

// list asks the program what it knows of on this machine.
func (c command) list(ctx context.Context) ([]record, error) {
	out, err := c.snapshot(ctx, "ls", []string{"--output=json"})
	if err == nil {
		err = c.failure("ls", out)
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []record `json:"items"`
	}
	if err := json.Unmarshal([]byte(out.stdout), &list); err != nil {
		return nil, fmt.Errorf("read what %s etcd-snapshot ls said: %w", c.flavour.Name, err)
	}
	return list.Items, nil
}

// delete removes snapshots by their file names, the records of the distribution with them. One that is missing is no error.
func (c command) delete(ctx context.Context, names ...string) error {
	out, err := c.snapshot(ctx, "delete", nil, names...)
	if err != nil {
		return err
	}
	return c.failure("delete", out)
}

// Of a program that somebody has built by himself the version may be any word.
var versionLine = regexp.MustCompile(`(?m)^\S+ version (\S+)`)

// version of the installed program.
func (c command) version(ctx context.Context) (string, error) {
	out, err := c.run(ctx, versionTimeout, "--version")
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", c.program, err)
	}
	found := versionLine.FindStringSubmatch(out.stdout)
	if found == nil {
		return "", fmt.Errorf("ask %s for its version: it does not tell", c.program)
	}
	return found[1], nil
}

// words are the pieces of a line that the program logs: time="…" level=fatal msg="…" on no terminal.
var logged = regexp.MustCompile(`msg="((?:[^"\\]|\\.)*)"`)

// maxSaid is how much of a program's complaint goes into an error.
const maxSaid = 600

// complaint is the last line that a program said, without its frame. It warns of each key in its configuration that the
// command does not know, on every call: those are left out.
func complaint(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		if line == "" || strings.Contains(line, "Unknown flag") {
			continue
		}
		if m := logged.FindStringSubmatch(line); m != nil {
			line = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, " ").Replace(m[1])
		}
		if len(line) > maxSaid {
			line = line[:maxSaid] + "…"
		}
		return line
	}
	return "it said nothing"
}
