package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// run executes a command line as a user without home and variables.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), &console.Console{
		In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }, Now: time.Now, Version: "test",
	}, args)
	return code, out.String(), errs.String()
}

func TestAWrongCommandLineIsNamedWithTheHelpThatSaysHow(t *testing.T) {
	for line, want := range map[string]string{
		"ect":                                  `holdfast has no command "ect"; did you mean etcd? | holdfast --help`,
		"version":                              `holdfast has no command "version"; did you mean --version? | holdfast --help`,
		"repo frobnicate":                      `holdfast repo has no command "frobnicate" | holdfast repo --help`,
		"help repo lst":                        `holdfast repo has no command "lst"; did you mean ls or test? | holdfast help --help`,
		"completion powershel":                 `holdfast completion has no command "powershel"; did you mean powershell? | holdfast completion --help`,
		"etcd status --endpoint x":             `unknown flag: --endpoint; did you mean --endpoints? | holdfast etcd status --help`,
		"etcd status -w json":                  `unknown shorthand flag: 'w' in -w; did you mean -o? | holdfast etcd status --help`,
		"etcd status --write-out=json":         `unknown flag: --write-out; did you mean --output? | holdfast etcd status --help`,
		"repo ls --frobnicate":                 `unknown flag: --frobnicate | holdfast repo ls --help`,
		"repo ls surplus":                      `the argument "surplus" was given; usage: holdfast repo ls [flags] | holdfast repo ls --help`,
		"repo show":                            `0 arguments were given; usage: holdfast repo show SNAPSHOT [flags] | holdfast repo show --help`,
		"repo ls -o xml":                       `--output xml: use one of table, json, yaml, name | holdfast repo ls --help`,
		"repo prune --keep many":               `--keep many: it is no whole number that fits | holdfast repo prune --help`,
		"repo prune --dry-run=maybe":           `--dry-run maybe: it is true or false | holdfast repo prune --help`,
		"etcd save --stall-timeout 10X":        `--stall-timeout 10X: it is no duration above 0 such as 30s or 2m | holdfast etcd save --help`,
		"etcd save --stall-timeout 0":          `--stall-timeout 0: it is no duration above 0 such as 30s or 2m | holdfast etcd save --help`,
		"etcd status --dial-timeout -1s":       `--dial-timeout -1s: it is no duration above 0 such as 30s or 2m | holdfast etcd status --help`,
		"etcd save --min-free 10X":             `--min-free 10X: it is no size such as 500MiB or 2GiB | holdfast etcd save --help`,
		"repo show x --by resource":            `--by goes with --stats | holdfast repo show --help`,
		"repo show x --stats --by pod":         `--by pod: use namespace or resource | holdfast repo show --help`,
		"etcd restore --data-dir d --at today": `--at today is no time: write 2026-11-22T02:00:00Z, or 2026-11-22 02:00 for local time | holdfast etcd restore --help`,
	} {
		code, stdout, stderr := run(t, strings.Fields(line)...)
		text, next, _ := strings.Cut(want, " | ")
		if full := "holdfast: " + text + "\n  next: " + next + "\n"; code != 2 || stdout != "" || stderr != full {
			t.Errorf("%s: %d\n got %s%s\nwant %s", line, code, stdout, stderr, full)
		}
	}
}

func TestHelpIsTheSameAskedEitherWay(t *testing.T) {
	for _, path := range []string{"", "repo", "repo ls", "etcd save", "completion bash"} {
		words := strings.Fields(path)
		code, asked, stderr := run(t, append([]string{"help"}, words...)...)
		if _, flag, _ := run(t, append(words, "--help")...); code != 0 || asked != flag || asked == "" {
			t.Errorf("help %s: %d %s\n got %s\nwant %s", path, code, stderr, asked, flag)
		}
	}
}

func TestDistanceCountsLetters(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"repo", "repo", 0}, {"quiet", "quite", 2}, {"keep", "kep", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
