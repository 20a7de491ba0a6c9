package operation

import (
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Decision is what is to be done besides storing the status. When the status differs from the stored one, the rest is
// empty: see the package comment.
type Decision struct {
	// Plans to store, by machine, each in place of the plan that was observed.
	Plans map[string]v1alpha1.MachinePlanSpec
	// Lock says what to do with the cluster's lock.
	Lock Lock
	// Epoch that the cluster must have before Plans are stored; 0 when that does not matter.
	Epoch int64
	// Events to record.
	Events []Event
	// After is when to decide again if nothing happens before; 0 when nothing is left to decide.
	After time.Duration
}

// Lock of a cluster: one operation at a time.
type Lock int

// What to do with the lock.
const (
	LockKeep Lock = iota
	LockTake
	LockRelease
)

// Event for the operation's object.
type Event struct {
	Warning         bool
	Reason, Message string
}

// How soon to look again. Changes of plans and machines come as events; silence does not.
const (
	soon     = time.Second
	lookBack = 15 * time.Second
	waitLock = time.Minute
)
