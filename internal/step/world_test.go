package step

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// world is a machine whose files steps replace, and on which the process may die at any tick: before and after each
// write of the journal, and between any two things that a step does.
type world struct {
	files, journal string
	// dieAt are the ticks, counted over all lives, at which a process dies.
	dieAt map[int]bool
	ticks int
	// fails are the steps whose Do fails half-way, refuses those whose Check says no.
	fails, refuses map[string]bool
	// reports are the results that were told last.
	reports []v1alpha1.PlanResult
	serial  int64
	// broken is the first rule that was broken.
	broken error
}

type death struct{}

func (w *world) tick() {
	w.ticks++
	if w.dieAt[w.ticks] {
		panic(death{})
	}
}

func (w *world) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

// live starts a process, which runs a plan until it ends or dies.
func (w *world) live(plan v1alpha1.MachinePlanSpec) (err error, died bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(death); !ok {
				panic(r)
			}
			died = true
		}
	}()
	return w.runner().Run(context.Background(), plan), false
}

func (w *world) runner() *Runner {
	j, err := Open(w.journal)
	if err != nil {
		panic(err)
	}
	write := j.write
	j.write = func(path string, data []byte) error {
		w.tick()
		err := write(path, data)
		w.tick()
		return err
	}
	return NewRunner(RunnerConfig{
		Journal: j, Make: w.make, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Report: func(serial int64, results []v1alpha1.PlanResult) {
			if serial < w.serial {
				w.breaks("serial %d is reported after %d", serial, w.serial)
			}
			w.serial, w.reports = serial, results
		},
	})
}

func (w *world) make(r Request) (Step, error) {
	if r.Kind != "Replace" && !r.Kind.Changes() && r.Kind != Commit {
		return nil, ErrUnknownKind
	}
	return &replace{world: w, id: r.ID, uid: r.Operation.UID}, nil
}

// replace moves a file aside and writes a new one in its place.
type replace struct {
	*world
	id, uid string
}

func (s *replace) path() string  { return filepath.Join(s.files, s.id) }
func (s *replace) aside() string { return s.path() + ".aside" }

func (s *replace) state() State {
	j := &Journal{dir: s.journal}
	records, err := j.Records(s.uid)
	if err != nil {
		panic(err)
	}
	for _, r := range records {
		if r.ID == s.id {
			return r.State
		}
	}
	return ""
}

func (s *replace) Check(context.Context) error {
	s.tick()
	if got := s.state(); got != "" {
		s.breaks("%s is checked when it is %s", s.id, got)
	}
	if s.refuses[s.id] {
		return errors.New("not here")
	}
	return nil
}

func (s *replace) Do(_ context.Context, report Report) (any, error) {
	if got := s.state(); got != Begun {
		s.breaks("%s is done when it is %s", s.id, got)
	}
	s.tick()
	if !exists(s.aside()) {
		if err := os.Rename(s.path(), s.aside()); err != nil {
			return nil, err
		}
	}
	s.tick()
	if s.fails[s.id] {
		return nil, errors.New("the disk is on fire")
	}
	report("writing", "output\n")
	if err := os.WriteFile(s.path(), []byte("new"), 0o600); err != nil {
		return nil, err
	}
	s.tick()
	return map[string]string{"replaced": s.id}, nil
}

func (s *replace) Undo(context.Context, Report) error {
	s.tick()
	switch s.state() {
	case Begun, Done, Failed, Stuck:
	default:
		s.breaks("%s is undone when it is %s", s.id, s.state())
	}
	if !exists(s.aside()) {
		return nil
	}
	if err := os.RemoveAll(s.path()); err != nil {
		return err
	}
	s.tick()
	defer s.tick()
	return os.Rename(s.aside(), s.path())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func newWorld(dir string, steps []string) *world {
	w := &world{files: filepath.Join(dir, "files"), journal: filepath.Join(dir, "journal"), dieAt: map[int]bool{}, fails: map[string]bool{}, refuses: map[string]bool{}}
	if err := os.MkdirAll(w.files, 0o700); err != nil {
		panic(err)
	}
	for _, s := range steps {
		if err := os.WriteFile(filepath.Join(w.files, s), []byte("old"), 0o600); err != nil {
			panic(err)
		}
	}
	return w
}

// content of the machine, by name.
func (w *world) content() map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(w.files)
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(w.files, e.Name()))
		if err != nil {
			panic(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

func planOf(serial int64, uid string, kind Kind, steps ...string) v1alpha1.MachinePlanSpec {
	plan := v1alpha1.MachinePlanSpec{Serial: serial, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: uid}}
	for _, s := range steps {
		plan.Steps = append(plan.Steps, v1alpha1.PlanStep{ID: s, Kind: string(kind), Deadline: metav1.NewTime(time.Now().Add(time.Hour))})
	}
	return plan
}
