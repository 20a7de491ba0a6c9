package operation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// silence is how long a machine with a step to do may be silent before the operation goes on without it.
const silence = 5 * time.Minute

// id of a step. It carries the operation's uid, because a machine's results may be those of an earlier operation until
// it has seen the new plan.
func (c *course) id(name string) string {
	return name + "-" + strings.SplitN(c.op.UID, "-", 2)[0]
}

// mine tells whether the machine's stored plan is this operation's.
func (c *course) mine(m *Machine) bool {
	return m.Plan.Spec.Operation != nil && m.Plan.Spec.Operation.UID == c.op.UID
}

// unfinished says that a machine still belongs to a restore that neither ended well nor was taken back on it. Its agent
// takes no other plan before that, so none may replace it.
func (m *Machine) unfinished() string {
	op := m.Plan.Spec.Operation
	if op == nil || !slices.ContainsFunc(m.Plan.Spec.Steps, func(s v1alpha1.PlanStep) bool { return changes(s.Kind) }) {
		return ""
	}
	if m.Plan.Spec.Undo {
		return fmt.Sprintf("it still has to take back restore %s", op.Name)
	}
	return fmt.Sprintf("restore %s is unfinished on it: cancel it, or retry it", op.Name)
}

func changes(kind string) bool {
	return step.Kind(kind).Changes()
}

// plan is the machine's plan as it is to be.
func (c *course) plan(m *Machine) v1alpha1.MachinePlanSpec {
	if p, ok := c.Plans[m.Name]; ok {
		return p
	}
	return *m.Plan.Spec.DeepCopy()
}

func (c *course) put(m *Machine, p v1alpha1.MachinePlanSpec) {
	p.Serial = max(m.Plan.Spec.Serial, m.Plan.Status.Serial) + 1
	if c.Plans == nil {
		c.Plans = map[string]v1alpha1.MachinePlanSpec{}
	}
	c.Plans[m.Name] = p
}

// want hands a step to a machine, after those that it has. One that it was handed before stays as it was, and one that
// has ended is not handed out again.
func (c *course) want(m *Machine, id string, kind step.Kind, settings any) {
	if r := c.row(m.Name, id); r != nil && final(r.Outcome) {
		return
	}
	p := c.plan(m)
	if p.Operation == nil || p.Operation.UID != c.op.UID {
		op := c.op
		p = v1alpha1.MachinePlanSpec{Operation: &op, Keep: p.Keep}
	}
	if slices.ContainsFunc(p.Steps, func(s v1alpha1.PlanStep) bool { return s.ID == id }) {
		return
	}
	next := v1alpha1.PlanStep{ID: id, Kind: string(kind), Deadline: *c.status.Deadline}
	if settings != nil {
		next.Settings = encode(settings)
	}
	p.Steps = append(p.Steps, next)
	c.put(m, p)
}

// handed tells whether this operation has put a step into a machine's stored plan.
func (c *course) handed(m *Machine, id string) bool {
	return c.mine(m) && slices.ContainsFunc(m.Plan.Spec.Steps, func(s v1alpha1.PlanStep) bool { return s.ID == id })
}

// clear takes the plan off a machine, and tells whether the machine has seen that. Nothing is kept there for the operation.
func (c *course) clear(m *Machine) bool {
	p := c.plan(m)
	if !c.mine(m) && !slices.Contains(p.Keep, c.op.UID) {
		return m.Plan.Status.Serial >= m.Plan.Spec.Serial
	}
	c.put(m, c.cleared(m))
	return false
}

// pause takes the plan off a machine that is to keep what it has fetched for the operation.
func (c *course) pause(m *Machine) {
	if c.mine(m) {
		p := c.cleared(m)
		p.Keep = append(p.Keep, c.op.UID)
		c.put(m, p)
	}
}

// cleared is a machine's plan without this operation.
func (c *course) cleared(m *Machine) v1alpha1.MachinePlanSpec {
	p := c.plan(m)
	if c.mine(m) {
		p.Operation, p.Steps, p.Undo = nil, nil, false
	}
	p.Keep = slices.DeleteFunc(slices.Clone(p.Keep), func(uid string) bool { return uid == c.op.UID })
	if len(p.Keep) == 0 {
		p.Keep = nil
	}
	return p
}

// record writes into the status what the machines answered.
func (c *course) record() {
	for i := range c.Machines {
		m := &c.Machines[i]
		if !c.mine(m) {
			continue
		}
		for _, s := range m.Plan.Spec.Steps {
			c.recordStep(m, s)
		}
	}
	c.trim()
}

// maxOutputs is what the output of all steps may take together: etcd stores objects of 1.5 MiB at most.
const maxOutputs = 384 << 10

// trim shortens outputs, those of the first steps first, until all of them fit.
func (c *course) trim() {
	total := 0
	for i := len(c.status.Steps) - 1; i >= 0; i-- {
		s := &c.status.Steps[i]
		s.Output = clip(s.Output, max(256, min(len(s.Output), maxOutputs-total)))
		total += len(s.Output)
	}
}

func (c *course) recordStep(m *Machine, s v1alpha1.PlanStep) {
	r := c.row(m.Name, s.ID)
	if r == nil {
		if len(c.status.Steps) >= 500 {
			return
		}
		c.status.Steps = append(c.status.Steps, v1alpha1.StepStatus{
			Machine: m.Name, Step: s.Kind, ID: s.ID, Outcome: v1alpha1.StepWaiting,
		})
		r = &c.status.Steps[len(c.status.Steps)-1]
	}
	deadline := s.Deadline
	r.Deadline = &deadline
	if res := result(m, s.ID); res != nil {
		r.Outcome, r.Started, r.Ended = res.Outcome, res.Started, res.Ended
		r.Message, r.Output = clip(res.Message, 4096), clip(res.Output, outputLimit(res.Outcome))
	}
}

// outputLimit keeps the status below what etcd stores: what went wrong is worth more of it.
func outputLimit(o v1alpha1.StepOutcome) int {
	if o == v1alpha1.StepFailed {
		return 16384
	}
	return 1024
}

func result(m *Machine, id string) *v1alpha1.PlanResult {
	for i := range m.Plan.Status.Results {
		if m.Plan.Status.Results[i].ID == id {
			return &m.Plan.Status.Results[i]
		}
	}
	return nil
}

func (c *course) row(machine, id string) *v1alpha1.StepStatus {
	for i := range c.status.Steps {
		if r := &c.status.Steps[i]; r.Machine == machine && r.ID == id {
			return r
		}
	}
	return nil
}

func final(o v1alpha1.StepOutcome) bool {
	return o != v1alpha1.StepWaiting && o != v1alpha1.StepRunning
}

// outcome of a step on a machine, and why it failed. A machine that has been silent for long has failed.
func (c *course) outcome(m *Machine, id string) (v1alpha1.StepOutcome, string) {
	r := c.row(m.Name, id)
	if r != nil && final(r.Outcome) {
		return r.Outcome, r.Message
	}
	if !m.Alive && c.Now.Sub(m.Seen) > silence {
		return v1alpha1.StepFailed, m.silent()
	}
	if r == nil {
		return v1alpha1.StepWaiting, ""
	}
	return r.Outcome, r.Message
}

// tally is how a step stands on several machines.
type tally struct {
	done, waiting []*Machine
	// failed machines' names with what they said.
	failed []string
}

func (c *course) tally(machines []*Machine, id string) tally {
	var t tally
	for _, m := range machines {
		switch o, why := c.outcome(m, id); o {
		case v1alpha1.StepDone:
			t.done = append(t.done, m)
		case v1alpha1.StepWaiting, v1alpha1.StepRunning:
			t.waiting = append(t.waiting, m)
		default:
			t.failed = append(t.failed, m.Name+": "+word(why, "it failed and does not say why"))
		}
	}
	return t
}

// evidence of a step, as long as the plan stands; false when there is none.
func evidence(m *Machine, id string, into any) bool {
	res := result(m, id)
	return res != nil && res.Evidence != nil && json.Unmarshal(res.Evidence.Raw, into) == nil
}

func names(machines []*Machine) string {
	list := make([]string, len(machines))
	for i, m := range machines {
		list[i] = m.Name
		if !m.Alive {
			list[i] += " (" + m.silent() + ")"
		}
	}
	return strings.Join(list, ", ")
}

func encode(settings any) *runtime.RawExtension {
	data, err := json.Marshal(settings)
	if err != nil {
		panic(err) // our own types of strings and numbers
	}
	return &runtime.RawExtension{Raw: data}
}
