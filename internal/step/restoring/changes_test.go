package restoring_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// changes is what the preflight says that a restore of the scene's snapshot would change.
func (s *scene) changes(t *testing.T, serial int64) string {
	t.Helper()
	found := s.found(t, serial)
	if found["Changes"] == "" {
		t.Fatalf("it says nothing of changes: %v", found)
	}
	return found["Changes"]
}

// found is what the preflight says of the scene's snapshot, by check.
func (s *scene) found(t *testing.T, serial int64) map[string]string {
	t.Helper()
	plan := s.plan(t, serial, false)
	plan.Operation.UID = fmt.Sprintf("changes-%d", serial)
	plan.Steps = plan.Steps[:1]
	var found step.PreflightEvidence
	if err := json.Unmarshal(s.run(t, plan, v1alpha1.StepDone)[0].Evidence.Raw, &found); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, c := range found.Checks {
		if strings.Contains(c.Check, "Change") && c.Outcome != "Passed" {
			t.Errorf("%+v", c)
		}
		said[c.Check] = c.Message
	}
	return said
}

func TestThePlanNamesTheNodesThatComeAndGo(t *testing.T) {
	s := newScene(t)
	if got, is := s.found(t, 1)["NodesChange"]; is {
		t.Errorf("there are none, and it says %s", got)
	}
	for i := range 22 {
		s.Put(t, fmt.Sprintf("/registry/minions/n%02d", i), "x")
	}
	want := "n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11, n12, n13, n14, n15, n16, n17, n18, n19 and 2 more came after the snapshot: gone until the machine registers again"
	if got := s.found(t, 2)["NodesChange"]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestThePlanCountsTheObjectsThatARestoreChanges(t *testing.T) {
	s := newScene(t)
	if got, want := s.changes(t, 1), "1 objects change: 1 become what they were. By kind: a 1 become what they were"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Put(t, "/registry/pods/default/one", "x")
	s.Put(t, "/registry/pods/default/two", "x")
	s.Put(t, "/registry/apps.example/things/default/one", "x")
	want := "4 objects change: 1 become what they were, 3 made since are gone. By kind: " +
		"pods 2 made since are gone; a 1 become what they were; things.apps.example 1 made since are gone"
	if got := s.changes(t, 2); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Delete(t, "a")
	if got := s.changes(t, 3); !strings.Contains(got, "a 1 deleted since are there again") {
		t.Errorf("got  %s", got)
	}
	for i := range 600 { // more than a page
		s.Put(t, fmt.Sprintf("/registry/events/default/%04d", i), "x")
	}
	if got := s.changes(t, 4); !strings.Contains(got, "604 objects change") || !strings.Contains(got, "events 600 made since are gone") {
		t.Errorf("got  %s", got)
	}
	if err := s.Driver().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.changes(t, 5); !strings.HasPrefix(got, "not known how many objects change: ") {
		t.Errorf("got  %s", got)
	}
}
