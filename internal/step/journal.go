package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
)

// Journal is the agent's memory of the steps that it began, on disk:
//
//	<dir>/plan.json          the plan that was accepted last, whole: an agent goes on with it when nobody answers
//	<dir>/lock               held while an operation or a save runs, by this process or another
//	<dir>/<uid>/0001.json    a step of the operation with that uid, numbered in the order in which they were begun
//
// Each file is replaced whole or not at all. Its methods may be called concurrently; steps run only while [Journal.Acquire]
// is held.
type Journal struct {
	dir string
	// turn serializes the goroutines of this process; the file lock the processes.
	turn chan struct{}
	// write makes a file durable. Tests die in it.
	write func(path string, data []byte) error
}

const (
	planFile = "plan.json"
	lockFile = "lock"
	// keepOperations of the past, for whoever asks afterwards what happened.
	keepOperations = 20
)

// Open opens the journal in a directory, which is made when missing.
func Open(dir string) (*Journal, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{dir: dir, turn: make(chan struct{}, 1)}
	j.write = func(path string, data []byte) error { return durable.WriteFile(path, data, 0o600) }
	return j, lock.Close()
}

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 250 * time.Millisecond

// Acquire waits for the right to change this machine, until ctx ends. Everything that must not happen beside an operation
// takes it.
func (j *Journal) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case j.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for {
		lock, err := durable.Lock(filepath.Join(j.dir, lockFile))
		if err == nil {
			return func() {
				lock.Close()
				<-j.turn
			}, nil
		}
		if !errors.Is(err, durable.ErrLocked) {
			<-j.turn
			return nil, fmt.Errorf("lock the journal: %w", err)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			<-j.turn
			return nil, fmt.Errorf("wait for another process of this machine: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
}

// Plan is the plan that was accepted last; the zero value when there was none.
func (j *Journal) Plan() (v1alpha1.MachinePlanSpec, error) {
	var plan v1alpha1.MachinePlanSpec
	err := readJSON(filepath.Join(j.dir, planFile), &plan)
	if errors.Is(err, fs.ErrNotExist) {
		return plan, nil
	}
	return plan, err
}

// Dir is where steps of an operation keep notes of their own.
func (j *Journal) Dir(uid string) string { return filepath.Join(j.dir, uid) }

func (j *Journal) accept(plan v1alpha1.MachinePlanSpec) error {
	if plan.Operation != nil {
		if err := durable.MkdirAll(j.Dir(plan.Operation.UID), 0o700); err != nil {
			return fmt.Errorf("begin the journal of %s: %w", plan.Operation.Name, err)
		}
	}
	data, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return err
	}
	if err := j.write(filepath.Join(j.dir, planFile), data); err != nil {
		return fmt.Errorf("record the plan: %w", err)
	}
	return j.forget(plan)
}

// forget removes what is known of the oldest operations.
func (j *Journal) forget(plan v1alpha1.MachinePlanSpec) error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	type past struct {
		uid string
		at  time.Time
	}
	var all []past
	for _, e := range entries {
		if !e.IsDir() || plan.Operation != nil && e.Name() == plan.Operation.UID {
			continue
		}
		if info, err := e.Info(); err == nil {
			all = append(all, past{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b past) int { return b.at.Compare(a.at) })
	for i := keepOperations; i < len(all); i++ {
		if err := os.RemoveAll(j.Dir(all[i].uid)); err != nil {
			return fmt.Errorf("forget an old operation: %w", err)
		}
	}
	return nil
}

// recordName is the name of a step's file. Others in the directory are the steps' own notes.
var recordName = regexp.MustCompile(`^[0-9]{4}\.json$`)

// Records are the steps of an operation that were begun or refused, in that order.
func (j *Journal) Records(uid string) ([]*Record, error) {
	entries, err := os.ReadDir(j.Dir(uid)) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []*Record
	for _, e := range entries {
		if !recordName.MatchString(e.Name()) {
			continue
		}
		rec := new(Record)
		if err := readJSON(filepath.Join(j.Dir(uid), e.Name()), rec); err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

func (j *Journal) put(uid string, rec *Record) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := j.write(filepath.Join(j.Dir(uid), fmt.Sprintf("%04d.json", rec.Number)), data); err != nil {
		return fmt.Errorf("record step %s: %w", rec.ID, err)
	}
	return nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
