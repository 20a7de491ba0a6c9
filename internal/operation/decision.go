package operation

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime"

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
	// Becomes is what else the cluster is from that epoch on.
	Becomes Becomes
	// Events to record.
	Events []Event
	// After is when to decide again if nothing happens before; 0 when nothing is left to decide.
	After time.Duration
}

// Becomes is what a restore has made of a cluster, for its status and its spec. Empty fields stay as they are.
type Becomes struct {
	InitMachine, KubernetesVersion string
	// Config is what all servers share of it.
	Config *runtime.RawExtension
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
