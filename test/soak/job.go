package main

import (
	"cmp"
	"fmt"
	"strings"
)

// job is a piece of the work that is done in one go: a few minutes at most.
type job struct {
	matrix
	id    string
	cases string // HOLDFAST_CASES
	// expect is how many rounds the tests must report, 0: any number but none.
	expect int
}

// args are those of go, in the folder of the module. A job that hangs ends after a time that no sound one takes.
func (j job) args() []string {
	args := []string{"test", fmt.Sprintf("-count=%d", max(j.repeat, 1)), "-timeout=15m", "-run", j.pattern(), j.target()}
	if j.flags != "" {
		args = append(args, "-args", j.flags)
	}
	return args
}

func (j job) target() string {
	if j.unit != "" {
		return j.unit
	}
	return "./" + cmp.Or(j.matrix.folder, "e2e")
}

// module is the folder of the module that has the test, relative to the top.
func (j job) module() string {
	if j.unit != "" {
		return "."
	}
	return "test"
}

func (j job) pattern() string {
	parts := strings.Split(j.test, "/")
	for i, part := range parts {
		if strings.Contains(part, "|") {
			part = "(" + part + ")"
		}
		parts[i] = "^" + part + "$"
	}
	return strings.Join(parts, "/")
}

// env is what makes the tests do this job's share. With CI set, a test that misses a server fails.
func (j job) env(seed uint64) []string {
	env := []string{"CI=true", "HOLDFAST_SOAK=1", fmt.Sprintf("HOLDFAST_SEED=%d", seed)}
	if j.cases != "" {
		env = append(env, "HOLDFAST_CASES="+j.cases)
	}
	if j.open {
		env = append(env, fmt.Sprintf("HOLDFAST_SHARES=%d", j.matrix.cases))
	}
	return env
}

// command repeats the job, from the top of the repository.
func (j job) command(seed uint64) string {
	args := j.args()
	for i, arg := range args {
		if strings.ContainsAny(arg, `^$\`) {
			args[i] = "'" + arg + "'"
		}
	}
	return fmt.Sprintf("(cd %s && %s go %s)", j.module(), strings.Join(j.env(seed), " "), strings.Join(args, " "))
}
