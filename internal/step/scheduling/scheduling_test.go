package scheduling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

var errCut = errors.New("the agent dies here")

// server is a distribution's server: what its configuration says, and what it has read of it.
type server struct {
	distro.Driver
	on, read bool
	run      int
	// sick: it serves only with its schedule on.
	sick bool
	// cut is the call at which the agent dies; 0: it lives.
	cut, calls int
}

func (s *server) call() error {
	if s.calls++; s.calls == s.cut {
		panic(errCut) // nothing after it is done, as when the process is killed
	}
	return nil
}

func (s *server) Schedules(context.Context) (bool, error) { return s.on, s.call() }

func (s *server) SetSchedule(_ context.Context, on bool) error {
	s.on = on
	return s.call()
}

func (s *server) Restart(context.Context) error {
	s.run, s.read = s.run+1, s.on
	return s.call()
}

func (s *server) Invocation(context.Context) (string, error) { return fmt.Sprint(s.run), s.call() }

func (s *server) Ready(context.Context) error {
	if s.sick && !s.read {
		return errors.New("it has no leader")
	}
	return s.call()
}

func work(t *testing.T, s *server, dir string) (evidence any, err error) {
	t.Helper()
	defer func() {
		if died := recover(); died != nil {
			err = died.(error)
		}
	}()
	settings, err := json.Marshal(step.SchedulerSettings{Scheduler: v1alpha1.SchedulerHoldfast})
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Driver: s, Name: "n1", Limit: 100 * time.Millisecond}
	made, err := m.Make(step.Request{Kind: step.SetScheduler, Settings: settings, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Check(t.Context()); err != nil {
		return nil, err
	}
	return made.Do(t.Context(), func(string, string) {})
}

func TestTheServerIsRestartedOnceHoweverOftenTheAgentDies(t *testing.T) {
	for cut := 1; cut < 12; cut++ {
		s, dir := &server{on: true, read: true, cut: cut}, t.TempDir()
		_, err := work(t, s, dir)
		died := errors.Is(err, errCut)
		if died {
			if _, err = work(t, s, dir); err != nil {
				t.Fatalf("cut at call %d, the second time: %v", cut, err)
			}
		}
		if s.on || s.read {
			t.Errorf("cut at call %d: configured %v, in force %v", cut, s.on, s.read)
		}
		if s.run != 1 {
			t.Errorf("cut at call %d: restarted %d times", cut, s.run)
		}
	}
}

func TestAServerThatDoesNotComeBackGetsItsOldSettingAgain(t *testing.T) {
	s := &server{on: true, read: true, sick: true}
	_, err := work(t, s, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "it has no leader") {
		t.Errorf("%v", err)
	}
	if !s.on || !s.read || s.run != 2 {
		t.Errorf("configured %v, in force %v, restarted %d times", s.on, s.read, s.run)
	}
}

func TestNothingIsRestartedWhereTheScheduleIsOffAlready(t *testing.T) {
	s := &server{}
	evidence, err := work(t, s, t.TempDir())
	if err != nil || s.run != 0 {
		t.Errorf("restarted %d times, %v", s.run, err)
	}
	if e := evidence.(step.TaskEvidence); len(e.Results) != 1 || e.Results[0].Outcome != v1alpha1.ResultPassed {
		t.Errorf("%+v", e)
	}
}
