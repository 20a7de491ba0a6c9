package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
)

// scheduleState remembers over restarts which slot was dealt with last.
type scheduleState struct {
	file string
	mu   sync.Mutex
	past past
	next time.Time
}

type past struct {
	// Begun is when the schedule was first seen: slots before it are nobody's.
	Begun time.Time `json:"begun"`
	// Last slot that was dealt with, and why it failed if it did.
	Last   time.Time `json:"last"`
	Failed string    `json:"failed,omitempty"`
}

func newScheduleState(stateDir string) (*scheduleState, error) {
	s := &scheduleState{file: filepath.Join(stateDir, "schedule.json")}
	data, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s.past)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the schedule did last: %w", err)
	}
	return s, nil
}

// since is where the search for due slots begins.
func (s *scheduleState) since(now time.Time) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past.Begun.IsZero() || s.past.Begun.After(now) {
		s.past.Begun = now
		return now, s.write()
	}
	if s.past.Last.After(s.past.Begun) && !s.past.Last.After(now) {
		return s.past.Last, nil
	}
	return s.past.Begun, nil
}

// done records how a slot went.
func (s *scheduleState) done(slot time.Time, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.Last, s.past.Failed = slot, ""
	if err != nil {
		s.past.Failed = clip(err.Error(), 1024)
	}
	return s.write()
}

// write wants the lock.
func (s *scheduleState) write() error {
	data, err := json.Marshal(s.past)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.file, data, 0o600)
}

func (s *scheduleState) expect(next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *scheduleState) times() (last, next *metav1.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	point := func(t time.Time) *metav1.Time {
		if t.IsZero() {
			return nil
		}
		m := metav1.NewTime(t.Truncate(time.Second)) // what the API keeps
		return &m
	}
	return point(s.past.Last), point(s.next)
}

func (s *scheduleState) condition() metav1.Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := metav1.Condition{Type: v1alpha1.MachineScheduleOK, Status: metav1.ConditionTrue, Reason: "Taken", Message: "the last snapshot that was due was taken"}
	switch {
	case s.past.Failed != "":
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "Failed", s.past.Failed
	case s.past.Last.IsZero():
		c.Reason, c.Message = "NothingDue", "no snapshot has been due yet"
	}
	return c
}
