package strike

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// JournalDir is where an agent has its journal.
const JournalDir = "/var/lib/holdfast/journal"

var (
	recordFile = regexp.MustCompile(`^[0-9]{4}\.json$`)
	// newRecord is the temporary file of a record that is about to be replaced.
	newRecord = regexp.MustCompile(`^\.([0-9]{4}\.json)\..*\.tmp$`)
)

// journal is what a machine's agent has on disk, as it was seen last.
type journal struct {
	dir     string
	plan    v1alpha1.MachinePlanSpec
	records map[string]map[string]step.Record // operation → file → record
}

func newJournal(dir string) journal {
	return journal{dir: dir, records: map[string]map[string]step.Record{}}
}

// watchNew has the folders of operations watched that were not known. The agent is held before it writes into a new one.
func (j *journal) watchNew(watch func(dir string) error) error {
	operations, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, o := range operations {
		if !o.IsDir() || j.records[o.Name()] != nil {
			continue
		}
		if err := watch(filepath.Join(j.dir, o.Name())); err != nil {
			return ignoreGone(err)
		}
		j.records[o.Name()] = map[string]step.Record{}
	}
	return nil
}

// read reads everything anew and returns the records that changed, as files of an operation.
func (j *journal) read() (changed []file, err error) {
	var plan v1alpha1.MachinePlanSpec // a new one: what a plan does not say must not stay from the one before
	if err := readJSON(filepath.Join(j.dir, "plan.json"), &plan); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	j.plan = plan
	for uid := range j.records {
		more, err := j.readOperation(uid)
		if err != nil {
			return nil, err
		}
		changed = append(changed, more...)
	}
	return changed, nil
}

// file of a record.
type file struct{ operation, name string }

func (j *journal) readOperation(uid string) (changed []file, err error) {
	entries, err := os.ReadDir(filepath.Join(j.dir, uid))
	if err != nil {
		return nil, ignoreGone(err)
	}
	for _, e := range entries {
		if !recordFile.MatchString(e.Name()) {
			continue
		}
		var rec step.Record
		if err := readJSON(filepath.Join(j.dir, uid, e.Name()), &rec); err != nil {
			return nil, ignoreGone(err)
		}
		if j.records[uid][e.Name()].State != rec.State {
			j.records[uid][e.Name()] = rec
			changed = append(changed, file{uid, e.Name()})
		}
	}
	return changed, nil
}

// ignoreGone: the agent forgets old operations.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// next is the step that is recorded next in the plan in force: the first without a record.
func (j *journal) next() (v1alpha1.PlanStep, bool) {
	for _, s := range j.plan.Steps {
		if _, ok := j.find(s.ID); !ok {
			return s, true
		}
	}
	return v1alpha1.PlanStep{}, false
}

func (j *journal) find(id string) (step.Record, bool) {
	if j.plan.Operation == nil {
		return step.Record{}, false
	}
	for _, rec := range j.records[j.plan.Operation.UID] {
		if rec.ID == id {
			return rec, true
		}
	}
	return step.Record{}, false
}

// last is the newest record of a kind in the operation in force; the zero value when there is none.
func (j *journal) last(kind step.Kind) (newest step.Record) {
	if j.plan.Operation == nil {
		return newest
	}
	for _, rec := range j.records[j.plan.Operation.UID] {
		if rec.Kind == kind && rec.Number > newest.Number && rec.State != step.Refused {
			newest = rec
		}
	}
	return newest
}

// closed tells whether no etcd may start on the machine, and whether none may run: from the fence's end to where the start
// begins, and on the way back from where the start is taken back to where the stop is.
func (j *journal) closed() (fenced, stopped bool) {
	fence, stop, start := j.last(step.Fence), j.last(step.StopDistro), j.last(step.StartDistro)
	open := start.Number > 0 && start.State != step.Undone
	if j.plan.Undo {
		fenced = !open && (stop.State == step.Begun || stop.State == step.Done || stop.State == step.Failed)
	} else {
		fenced = !open && fence.State == step.Done
	}
	return fenced, fenced && stop.State == step.Done
}

// resets tells whether a distribution may be restoring the machine.
func (j *journal) resets() bool {
	state := j.last(step.RestoreEtcd).State
	return state == step.Begun || state == step.Failed
}

// varying are the parts of a step's id that are of one operation, or of one plan: the first digits of a uid or a digest.
var varying = regexp.MustCompile(`-[0-9a-f]{8}\b`)

// name of a step without what varies.
func name(id string) string { return varying.ReplaceAllString(id, "") }

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
