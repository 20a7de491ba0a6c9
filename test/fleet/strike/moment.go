package strike

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/step"
)

// Moment is a boundary of a step on a machine: what the agent has done, and is held at.
type Moment struct {
	// Machine whose agent it is.
	Machine string
	// Operation is its uid.
	Operation string
	// Step is its id without what is different in each operation: one operation may have several of one kind.
	Step string
	Kind step.Kind
	At   At
	// Running says whether etcd, or the server that it is part of, runs on the machine.
	Running bool
}

// At is where in the life of a step a moment is.
type At string

// The moments of a step. What an agent has told nobody, its death undoes.
const (
	// Unbegun: the plan with the step is accepted and the step was checked; that it is begun is not on disk.
	Unbegun At = "before it is begun"
	// Begun: that it is begun is on disk; nothing is done.
	Begun At = "begun"
	// Amid: a program works on its effect by itself. The agent is not held.
	Amid At = "in the middle"
	// Unended: its effect is there; that it has ended is not on disk.
	Unended At = "before it has ended"
	// Ended: that it has ended, well or not, is on disk; nobody was told.
	Ended At = "ended"
	// Untaken: it is taken back; that is not on disk.
	Untaken At = "before it is taken back"
	// Taken: that it is taken back, or can't be, is on disk.
	Taken At = "taken back"
)

// Place is where a strike hits, in words that hold for each operation of one sort.
type Place struct {
	Step string
	Kind step.Kind
	At   At
	// Leader says that it is the machine whose member led when the operation began; else it is the first of the others.
	Leader bool
}

func (p Place) String() string {
	role := "another"
	if p.Leader {
		role = "the leader"
	}
	return fmt.Sprintf("%s (%s) %s on %s", p.Kind, p.Step, p.At, role)
}

// Is tells whether a moment is at this place.
func (p Place) Is(m Moment, leader string) bool { return PlaceOf(m, leader) == p }

// PlaceOf is a moment's place in an operation that began under a leader.
func PlaceOf(m Moment, leader string) Place {
	return Place{Step: m.Step, Kind: m.Kind, At: m.At, Leader: m.Machine == leader}
}
