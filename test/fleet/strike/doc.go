// Package strike kills parts of a fleet at the boundaries of the steps of its operations, and judges what comes of it.
//
// It knows no list of steps. A [Watch] follows the agents' journals: each time an agent has recorded that a step is begun
// or has ended, or is about to record it, the agent is held by the kernel (see package gate), and whoever asked is told of
// the [Moment]. So an operation that is watched once, undisturbed, says where it can be struck; [Matrix] makes the list of
// all strikes from that. A step that is new in the product is in the list the next time.
//
// A [Server] says what has etcd on the machines, so the same strikes are made at a plain etcd and at a Kubernetes
// distribution. While a distribution resets a cluster by a program of its own there is one more moment, at which nobody is
// held.
//
// What must hold whatever is struck, beside the operation's own end: no etcd runs behind a fence ([Watch] looks), and no two
// clusters take writes at the same time, nor is an acknowledged write of the cluster that remains lost ([Writers]).
package strike
