package operation

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// TestTheOutputOfManyMachinesFitsIntoOneObject: the last lines are worth most, and so are the last steps.
func TestTheOutputOfManyMachinesFitsIntoOneObject(t *testing.T) {
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("m%02d", i))
	}
	w := newWorld(t, names...)
	for _, n := range w.nodes {
		n.do[step.SaveSnapshot] = func() (any, error) { return nil, errors.New(strings.Repeat("x", 16000)) }
	}
	save := new(v1alpha1.EtcdSnapshotSave)
	saves(w, save, time.Hour)
	total := 0
	for _, s := range save.Status.Steps {
		total += len(s.Output) + len(s.Message)
	}
	if save.Status.Phase != v1alpha1.PhaseFailed || total > 1<<20 {
		t.Errorf("%s with %d bytes", save.Status.Phase, total)
	}
	c := &course{status: &v1alpha1.OperationStatus{}}
	for range 64 {
		c.status.Steps = append(c.status.Steps, v1alpha1.StepStatus{Output: strings.Repeat("y", 16384)})
	}
	c.trim()
	total = 0
	for _, s := range c.status.Steps {
		total += len(s.Output)
	}
	if total > maxOutputs+64*256 || len(c.status.Steps[63].Output) != 16384 {
		t.Errorf("%d bytes, the last %d", total, len(c.status.Steps[63].Output))
	}
}

func TestATaskWithMoreCopiesThanItCanTellOfIsRefused(t *testing.T) {
	w := newWorld(t, "a")
	task := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskDelete}}
	for i := range 250 {
		name := fmt.Sprintf("s%d", i)
		s := stored(name, "a", "a", "a", "a", "a")
		for j := range s.Status.Copies {
			s.Status.Copies[j].Location += fmt.Sprint("/", j)
		}
		w.catalog = append(w.catalog, s)
		task.Spec.Snapshots = append(task.Spec.Snapshots, name)
	}
	tasks(w, task, time.Hour)
	if task.Status.Phase != v1alpha1.PhaseFailed || !strings.Contains(task.Status.Message, "1250 copies are too many for one task") || len(w.sequence) > 0 {
		t.Errorf("%s: %s", task.Status.Phase, task.Status.Message)
	}
}
