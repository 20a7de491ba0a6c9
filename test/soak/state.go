package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// record is what one job did.
type record struct {
	Job string `json:"job"`
	// Command is what was run. A record of another one, from before a change of the plan, is none of this job's.
	Command string    `json:"command"`
	Commit  string    `json:"commit"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Problem is why the job does not count as passed; empty if it does.
	Problem string `json:"problem,omitempty"`
	tally
	// Before is how earlier tries of the job failed; newest last. A failure is not forgotten because a repetition passed.
	Before []record `json:"before,omitempty"`
}

func (r record) passed() bool { return r.Problem == "" }

// state keeps one file for each job that is done. The folder belongs to one code and one seed.
type state struct{ dir string }

// load returns the record of a job, nil if it has not been done. A file that cannot be understood is an error: it was
// written whole or not at all.
func (s state) load(j job, seed uint64) (*record, error) {
	path := s.path(j)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if r.Command != j.command(seed) {
		return nil, nil
	}
	return &r, nil
}

// save has the record on disk when it returns.
func (s state) save(j job, r record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(s.path(j), append(data, '\n'), 0o644)
}

func (s state) path(j job) string { return filepath.Join(s.dir, j.id+".json") }
