// Package scheduling holds the step that hands the schedule of recurring snapshots over: from the distribution to Holdfast, or
// back. It changes one setting, and starts the distribution's server anew, because that reads its settings only then.
//
// Start reading at [Machine].
package scheduling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Machine is what the step needs to know of the machine that it runs on.
type Machine struct {
	Driver distro.Driver
	// Name of the Machine.
	Name string
	// Limit of a restart: how long the server may take until it serves again. 0: ten minutes.
	Limit time.Duration
}

const (
	defaultLimit = 10 * time.Minute
	poll         = time.Second
	noteFile     = "schedule.note"
)

// subject of the result.
const subject = "schedule"

// Make returns the step of this package's kind, or step.ErrUnknownKind.
func (m *Machine) Make(r step.Request) (step.Step, error) {
	if r.Kind != step.SetScheduler {
		return nil, step.ErrUnknownKind
	}
	self, ok := m.Driver.(distro.SelfScheduler)
	if !ok {
		return nil, errors.New("this distribution takes no recurring snapshots by itself")
	}
	s := &setScheduler{Machine: m, driver: self, note: filepath.Join(r.Dir, noteFile)}
	return s, r.Decode(&s.settings)
}

type setScheduler struct {
	*Machine
	driver   distro.SelfScheduler
	settings step.SchedulerSettings
	note     string
}

// before is noted before anything changes.
type before struct {
	// On says whether the distribution's schedule was on.
	On bool `json:"on"`
	// Invocation of the server that read the old settings.
	Invocation string `json:"invocation"`
}

// wanted says whether the distribution's own schedule is to be on.
func (s *setScheduler) wanted() bool { return s.settings.Scheduler == v1alpha1.SchedulerDistribution }

// Check implements step.Step. A server that does not run is left alone: its restart could bring back what somebody stopped.
func (s *setScheduler) Check(ctx context.Context) error {
	if _, noted, err := s.read(); noted || err != nil {
		return err
	}
	id, err := s.driver.Invocation(ctx)
	if err == nil && id == "" {
		err = &problem.Error{Kind: problem.Refused, Op: "hand the schedule over on", Subject: s.Name, Why: "its server does not run", Next: "start it, or take the machine out of the cluster"}
	}
	return err
}

// Do implements step.Step. A server that does not come back gets its old settings again.
func (s *setScheduler) Do(ctx context.Context, report step.Report) (any, error) {
	was, noted, err := s.read()
	if err == nil && !noted {
		was, err = s.remember(ctx)
	}
	if err != nil {
		return nil, err
	}
	if was.On == s.wanted() {
		return s.evidence("it was so already: nothing was restarted"), nil
	}
	if err := s.driver.SetSchedule(ctx, s.wanted()); err != nil {
		return nil, err
	}
	if err := s.restarted(ctx, was.Invocation, report); err != nil {
		return nil, errors.Join(err, s.Undo(ctx, report))
	}
	return s.evidence("the server was restarted and serves"), nil
}

func (s *setScheduler) evidence(message string) step.TaskEvidence {
	return step.TaskEvidence{Results: []v1alpha1.TaskResult{{
		Machine: s.Name, Subject: subject, Outcome: v1alpha1.ResultPassed, Message: string(s.settings.Scheduler) + ": " + message,
	}}}
}

// remember notes how it is.
func (s *setScheduler) remember(ctx context.Context) (was before, err error) {
	if was.On, err = s.driver.Schedules(ctx); err != nil {
		return was, err
	}
	if was.Invocation, err = s.driver.Invocation(ctx); err != nil {
		return was, err
	}
	data, err := json.Marshal(was)
	if err != nil {
		return was, err
	}
	return was, durable.WriteFile(s.note, data, 0o600)
}

func (s *setScheduler) read() (was before, noted bool, err error) {
	data, err := os.ReadFile(s.note)
	if errors.Is(err, fs.ErrNotExist) {
		return was, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	return was, err == nil, err
}

// restarted restarts the server that has the id old, if that still runs, and waits until the next one serves.
func (s *setScheduler) restarted(ctx context.Context, old string, report step.Report) error {
	limit := s.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	id, err := s.driver.Invocation(within)
	if err == nil && (id == old || id == "") {
		report("restarting the server", "")
		err = s.driver.Restart(within)
	}
	if err != nil {
		return err
	}
	return s.serves(within, old, report)
}

func (s *setScheduler) serves(ctx context.Context, old string, report step.Report) error {
	last := ""
	for {
		missing := "its old process still runs"
		id, err := s.driver.Invocation(ctx)
		if err == nil && id != "" && id != old {
			if err = s.driver.Ready(ctx); err == nil {
				return nil
			}
		}
		if err != nil {
			missing = err.Error()
		}
		if missing != last {
			report("waiting: "+missing, "")
			last = missing
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return fmt.Errorf("the server does not serve after its restart: %s: %w", last, context.Cause(ctx))
		}
	}
}

// Undo implements step.Step.
func (s *setScheduler) Undo(ctx context.Context, report step.Report) error {
	was, noted, err := s.read()
	if err != nil || !noted || was.On == s.wanted() {
		return err
	}
	if err := s.driver.SetSchedule(ctx, was.On); err != nil {
		return fmt.Errorf("put the setting back: %w", err)
	}
	id, err := s.driver.Invocation(ctx)
	if err != nil || id == was.Invocation {
		return err // it never read the new setting
	}
	report("restarting the server with its old setting", "")
	if err := s.driver.Restart(ctx); err != nil {
		return fmt.Errorf("restart the server with its old setting: %w", err)
	}
	return nil
}
