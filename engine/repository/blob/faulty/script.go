package faulty

import (
	"fmt"
	"sync"
)

// Op is an operation of a store.
type Op string

// The operations. Stage covers the staged file's writes too.
const (
	Put    Op = "Put"
	Get    Op = "Get"
	Stat   Op = "Stat"
	List   Op = "List"
	Delete Op = "Delete"
	Stage  Op = "Stage"
	Commit Op = "Commit"
)

// Fault is one thing that goes wrong.
type Fault struct {
	// Op is what goes wrong.
	Op Op
	// Name is the object, for List the prefix; "" is any.
	Name string
	// Skip lets so many operations pass first.
	Skip int
	// Times is how many operations then go wrong. 0: one; < 0: all.
	Times int
	// Every lets so many operations less one pass between two that go wrong. 0: none.
	Every int
	// Do is how.
	Do Action
}

// String is the fault as a test's message shows it.
func (f Fault) String() string {
	return fmt.Sprintf("%s %q after %d: %s", f.Op, f.Name, f.Skip, f.Do.kind)
}

// Script is a row of faults. Each operation meets the first that applies to it. It is safe for concurrent use.
type Script struct {
	mu     sync.Mutex
	faults []*Fault
	met    map[*Fault]bool
}

// NewScript returns a script of the given faults.
func NewScript(faults ...Fault) *Script {
	s := &Script{met: map[*Fault]bool{}}
	s.Add(faults...)
	return s
}

// Add puts further faults behind the others.
func (s *Script) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// Unmet returns the faults that no operation has met. A test that expects them all asserts that it is empty.
func (s *Script) Unmet() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unmet []Fault
	for _, f := range s.faults {
		if !s.met[f] {
			unmet = append(unmet, *f)
		}
	}
	return unmet
}

// next returns the fault for one operation, or nil.
func (s *Script) next(op Op, name string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Op != op || f.Name != "" && f.Name != name || f.Times == 0 {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Times-- // a negative number never arrives at 0
		f.Skip = max(f.Every-1, 0)
		s.met[f] = true
		return f
	}
	return nil
}
