package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// tests runs jobs for real.
type tests struct {
	module  string // folder of the test module
	scratch string // for what the tests make; each job begins with an empty one
	seed    uint64
}

// execute runs go test for a job and counts what its tests report.
func (x tests) execute(ctx context.Context, j job) (record, error) {
	rec := record{Job: j.id, Command: j.command(x.seed), Started: time.Now().UTC().Truncate(time.Second)}
	if err := errors.Join(sweep(x.scratch), os.Mkdir(x.scratch, 0o755)); err != nil {
		return rec, err
	}
	args := slices.Insert(j.args(), 1, "-json")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(filepath.Dir(x.module), j.module())
	cmd.Env = append(os.Environ(), append(j.env(x.seed), "TMPDIR="+x.scratch)...)
	// In a group of their own, go and the tests can be ended together. Servers die with the tests.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return rec, err
	}
	if err := cmd.Start(); err != nil {
		return rec, err
	}
	counted, rest, countErr := count(out, j.leaves)
	if countErr != nil {
		io.Copy(io.Discard, out)
	}
	err = cmd.Wait()
	rec.Seconds = time.Since(rec.Started).Round(100 * time.Millisecond).Seconds()
	rec.tally = counted
	rec.Problem = judge(j, counted, errors.Join(err, countErr))
	if rec.Problem != "" && len(rec.Failures) == 0 {
		rec.Failures = []failure{{Test: j.test, Output: string(tail([]byte(rest + stderr.String())))}}
	}
	return rec, sweep(x.scratch)
}

// judge says why a job does not count as passed. That go test ended well is not enough: the tests must have reported the
// rounds that they were asked for.
func judge(j job, t tally, err error) string {
	switch {
	case len(t.Failures) > 0:
		return fmt.Sprintf("%d tests failed", len(t.Failures))
	case err != nil:
		return "go test: " + err.Error()
	case len(t.Skipped) > 0:
		return fmt.Sprintf("%d tests were skipped", len(t.Skipped))
	case t.rounds() == 0:
		return "no rounds were reported"
	case j.expect > 0 && t.rounds() != j.expect:
		return fmt.Sprintf("%d rounds were reported, not %d", t.rounds(), j.expect)
	}
	return ""
}
