package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// runner does one job after the other.
type runner struct {
	jobs  []job
	seed  uint64
	only  *regexp.Regexp // names of the jobs to run
	again bool           // failed ones too
	bound time.Duration  // begin none later than this after the start
	code  code
	state state
	out   io.Writer
	now   func() time.Time

	// execute does a job and returns what came of it. Its error is that of a run that cannot go on; a failed job is none.
	execute func(ctx context.Context, j job) (record, error)
	// changed reports whether the code under test is another than at the start.
	changed func(ctx context.Context) (bool, error)
}

// standing is how all jobs stand.
type standing struct {
	jobs    []job
	records map[string]record // by id; jobs that are not done have none
}

func (s standing) left() []job {
	var left []job
	for _, j := range s.jobs {
		if _, done := s.records[j.id]; !done {
			left = append(left, j)
		}
	}
	return left
}

func (s standing) failed() []record {
	var failed []record
	for _, j := range s.jobs {
		if r, done := s.records[j.id]; done && !r.passed() {
			failed = append(failed, r)
		}
	}
	return failed
}

// errChanged: what is being tested is no longer what the run began with.
var errChanged = errors.New("the code was changed during the run; run again to begin with the new code")

// run does the jobs that are not done until all are, or the time is over, or ctx ends. What it returns is how the jobs
// stand, whatever the error.
func (r *runner) run(ctx context.Context) (standing, error) {
	s, err := r.load()
	if err != nil {
		return s, err
	}
	r.say("code %s, commit %s, seed %d; %d of %d jobs are done", r.code.sum, r.code.commit, r.seed, len(s.records), len(s.jobs))
	started := r.now()
	for _, j := range r.todo(s) {
		if r.now().Sub(started) >= r.bound {
			r.say("the time is over after %s", r.now().Sub(started).Round(time.Second))
			break
		}
		if err := r.do(ctx, j, s); err != nil {
			return s, err
		}
	}
	return s, r.conclude(s)
}

func (r *runner) load() (standing, error) {
	s := standing{jobs: r.jobs, records: map[string]record{}}
	for _, j := range r.jobs {
		rec, err := r.state.load(j, r.seed)
		if err != nil {
			return s, err
		}
		if rec != nil {
			s.records[j.id] = *rec
		}
	}
	return s, nil
}

// todo are the jobs to run, in order.
func (r *runner) todo(s standing) []job {
	var todo []job
	for _, j := range s.jobs {
		rec, done := s.records[j.id]
		if r.only.MatchString(j.id) && (!done || r.again && !rec.passed()) {
			todo = append(todo, j)
		}
	}
	return todo
}

// do runs one job and has its result on disk when it returns. What was under way when the run was ended, or when the
// code changed, proves nothing and is not recorded.
func (r *runner) do(ctx context.Context, j job, s standing) error {
	rec, err := r.execute(ctx, j)
	if ctx.Err() != nil {
		return fmt.Errorf("ended during %s, which the next run begins with: %w", j.id, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", j.id, err)
	}
	if changed, err := r.changed(ctx); err != nil || changed {
		return errors.Join(err, errChanged)
	}
	rec.Commit = r.code.commit
	if before, done := s.records[j.id]; done {
		rec.Before = append(before.Before, before)
		rec.Before[len(rec.Before)-1].Before = nil
	}
	if err := r.state.save(j, rec); err != nil {
		return err
	}
	s.records[j.id] = rec
	r.show(rec)
	return nil
}

func (r *runner) show(rec record) {
	verdict := "held"
	if !rec.passed() {
		verdict = "FAILED: " + rec.Problem
	}
	r.say("%-28s %5d rounds, %6.0f s: %s", rec.Job, rec.rounds(), rec.Seconds, verdict)
	for _, f := range rec.Failures {
		r.say("  %s", f.Test)
		if f.Again != "" {
			r.say("  once more: (cd test && %s)", f.Again)
		}
	}
	if !rec.passed() {
		r.say("  the whole job once more: %s", rec.Command)
	}
}

// conclude says how the whole of it stands; the error is errFailed if a job failed.
func (r *runner) conclude(s standing) error {
	if left := s.left(); len(left) > 0 {
		r.say("partial: %d of %d jobs are done; the next run goes on with %s", len(s.records), len(s.jobs), left[0].id)
	} else {
		r.say("all %d jobs are done", len(s.jobs))
	}
	if len(s.failed()) > 0 {
		return errFailed
	}
	return nil
}

// list shows how each job stands.
func (r *runner) list() error {
	s, err := r.load()
	if err != nil {
		return err
	}
	for _, j := range s.jobs {
		if rec, done := s.records[j.id]; done {
			r.show(rec)
			continue
		}
		r.say("%-28s %5d rounds asked, not done", j.id, j.expect)
	}
	return nil
}

func (r *runner) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }
