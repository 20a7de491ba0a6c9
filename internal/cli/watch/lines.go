package watch

import (
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// picture is what of an operation is shown.
type picture struct {
	phase   v1alpha1.Phase
	message string
	rows    []row
}

// row is one check or step on one machine.
type row struct {
	key                           string
	machine, what, state, message string
	step                          *v1alpha1.StepStatus
}

func pictureOf(obj client.Object) picture {
	s := StatusOf(obj)
	p := picture{phase: s.Phase, message: s.Message}
	if r, ok := obj.(*v1alpha1.EtcdSnapshotRestore); ok {
		for _, c := range r.Status.Preflight {
			p.rows = append(p.rows, row{key: "check " + c.Check + " " + c.Machine, machine: c.Machine, what: c.Check, state: c.Outcome, message: c.Message})
		}
	}
	for i := range s.Steps {
		t := s.Steps[i]
		p.rows = append(p.rows, row{key: "step " + t.ID + " " + t.Machine, machine: t.Machine, what: t.Step, state: string(t.Outcome), message: t.Message, step: &t})
	}
	return p
}

// changes are the lines that lead from one picture to the next. What waits is told when it no longer does.
func changes(before, after picture) []string {
	var lines []string
	if after.phase != before.phase || after.message != before.message {
		lines = append(lines, headline(after))
	}
	known := map[string]row{}
	for _, r := range before.rows {
		known[r.key] = r
	}
	for _, r := range after.rows {
		old, ok := known[r.key]
		if ok && old.state == r.state && old.message == r.message || !ok && r.state == string(v1alpha1.StepWaiting) {
			continue
		}
		lines = append(lines, "  "+r.text())
	}
	return lines
}

func headline(p picture) string {
	text := string(p.phase)
	if text == "" {
		text = "Waiting for the manager"
	}
	if p.message != "" {
		text += ": " + p.message
	}
	return text
}

func (r row) text() string {
	text := fmt.Sprintf("%s %s %s", r.machine, r.what, strings.ToLower(r.state))
	if r.machine == "-" {
		text = fmt.Sprintf("%s %s", r.what, strings.ToLower(r.state))
	}
	if r.step != nil && r.step.Started != nil && r.step.Ended != nil {
		text += " in " + r.step.Ended.Sub(r.step.Started.Time).String()
	}
	if r.message != "" {
		text += ": " + r.message
	}
	return text
}
