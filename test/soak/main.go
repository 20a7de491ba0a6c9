// Command soak runs the long matrices: every round trip, thousands of damaged positions, a thousand kills. It holds no
// test of its own. The end-to-end tests can do as many rounds as they are asked for; soak cuts that work into jobs of a
// few minutes, runs one after the other, counts what the tests say they really did, and writes docs/reliability.md.
//
// What a job did is written durably before the next one begins, in a folder that belongs to the code under test: see
// code.go. So a run that was ended in any way goes on at the first job that is not done, and after a change of the code,
// the tests or the servers every job counts as not done.
//
// Start reading at plan, in plan.go, then runner.run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

func main() {
	var o options
	flag.Float64Var(&o.minutes, "minutes", 90, "begin no job after so many minutes")
	flag.Uint64Var(&o.seed, "seed", 1, "what all rounds follow from")
	flag.StringVar(&o.only, "only", "", "run only jobs whose name matches this expression; the report shows all")
	flag.BoolVar(&o.again, "again", false, "run failed jobs once more")
	flag.BoolVar(&o.list, "list", false, "list the jobs and how they stand, and run none")
	flag.StringVar(&o.report, "report", "", "file to write the report to; empty: standard output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		stop()
		os.Exit(1)
	}
}

type options struct {
	minutes     float64
	seed        uint64
	only        string
	again, list bool
	report      string
}

// errFailed: what was asked for was run, and not all of it held.
var errFailed = errors.New("failures: see above, and the report")

// run is main without the process around it. The working directory must be the test module's.
func run(ctx context.Context, o options, out io.Writer) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	code, err := readCode(ctx, root)
	if err != nil {
		return fmt.Errorf("read the code under test: %w", err)
	}
	dir := filepath.Join(root, ".cache", "soak", fmt.Sprintf("%s-seed-%d", code.sum, o.seed))
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := durable.Lock(dir)
	if err != nil {
		return fmt.Errorf("another soak of this code: %w", err)
	}
	defer lock.Close()
	r := runner{
		jobs: jobs(plan()), seed: o.seed, only: only, again: o.again, bound: time.Duration(o.minutes * float64(time.Minute)),
		code: code, state: state{dir}, out: out, now: time.Now,
		execute: tests{module: filepath.Join(root, "test"), scratch: scratchOf(dir), seed: o.seed}.execute,
		changed: func(ctx context.Context) (bool, error) {
			now, err := readCode(ctx, root)
			return now.sum != code.sum, err
		},
	}
	if o.list {
		return r.list()
	}
	end, runErr := r.run(ctx)
	return errors.Join(runErr, write(o.report, out, end, code, o.seed, readServers(root)))
}

// write writes the report of what is known, however the run has ended.
func write(path string, out io.Writer, end standing, code code, seed uint64, servers []string) error {
	text := render(end, code, seed, servers)
	if path == "" {
		_, err := io.WriteString(out, text)
		return err
	}
	return durable.WriteFile(path, []byte(text), 0o644)
}
