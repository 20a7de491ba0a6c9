package step

import "context"

// Step is one piece of work on this machine.
//
// Everything here is called by one goroutine at a time, under the agent's operation lock, with a context that ends at
// the step's deadline. The process may die at any moment inside any method; the same method is then called again, in a
// new process. So each must look at the world first and finish what is half done, instead of trusting that it begins
// from nothing.
type Step interface {
	// Check returns why the step can't be done here and now. It changes nothing. It is called before the step is
	// recorded as begun, so that a refusal leaves nothing to undo.
	Check(ctx context.Context) error
	// Do brings the effect about and returns the evidence for it, one of the …Evidence types. When it returns an error
	// the effect may be there in part: Undo removes it.
	Do(ctx context.Context, report Report) (evidence any, err error)
	// Undo brings back what was before Do, also when Do was cut anywhere. It does nothing when there is nothing to undo.
	Undo(ctx context.Context, report Report) error
}

// Report tells what a step does at present, in words that an operator reads: "uploaded 120 MiB of 300 MiB". Output of
// programs goes to output; its end is kept. Both may be empty.
type Report func(message, output string)

// Kind says what a step does.
type Kind string

// The kinds. The first group changes no cluster, the second is a restore's, in its order.
const (
	// SaveSnapshot takes a snapshot of the member on this machine, tests it, and copies it to the target.
	SaveSnapshot Kind = "SaveSnapshot"
	// VerifySnapshot tests copies again.
	VerifySnapshot Kind = "VerifySnapshot"
	// DeleteSnapshot deletes the bytes of copies.
	DeleteSnapshot Kind = "DeleteSnapshot"
	// TestTarget tries each right on the S3 target.
	TestTarget Kind = "TestTarget"
	// SetScheduler turns the distribution's own schedule off or on, and starts its server anew.
	SetScheduler Kind = "SetScheduler"

	// Preflight looks whether this machine could take part in a restore. It changes nothing.
	Preflight Kind = "Preflight"
	// ServeSnapshot offers a copy on this machine's disk to other machines until the operation ends.
	ServeSnapshot Kind = "ServeSnapshot"
	// FetchSnapshot brings the snapshot to this machine's disk and checks all of it.
	FetchSnapshot Kind = "FetchSnapshot"
	// Fence makes sure that the distribution does not start by itself, also after a reboot.
	Fence Kind = "Fence"
	// StopDistro stops the distribution and everything that it started.
	StopDistro Kind = "StopDistro"
	// MoveAside moves etcd's data, and whatever else the restore will replace, to a place from which it can come back.
	MoveAside Kind = "MoveAside"
	// RestoreEtcd makes this machine's data directory from the fetched snapshot.
	RestoreEtcd Kind = "RestoreEtcd"
	// InstallDistro brings the version of the distribution that the restored data belongs to. It starts nothing.
	InstallDistro Kind = "InstallDistro"
	// WriteConfig replaces the distribution's configuration by the snapshot's.
	WriteConfig Kind = "WriteConfig"
	// PointServer makes this machine join the cluster through another server at its next start, or be a first server.
	PointServer Kind = "PointServer"
	// ForgetNodes has this machine's API server forget by what passwords it knows some Nodes: those machines may have been set
	// up anew since the snapshot.
	ForgetNodes Kind = "ForgetNodes"
	// AdmitMember has this machine's member take another machine into the cluster, in the place of those that it replaces.
	AdmitMember Kind = "AdmitMember"
	// JoinEtcd makes this machine's member one that was admitted, without any data of its own.
	JoinEtcd Kind = "JoinEtcd"
	// StartDistro lifts the fence and starts the distribution. It does not wait until it is healthy.
	StartDistro Kind = "StartDistro"
	// PromoteMember has this machine's member give the one that was admitted its vote, once that has caught up.
	PromoteMember Kind = "PromoteMember"
	// WaitHealthy waits until etcd answers on this machine, has its members and a leader, and holds the snapshot.
	WaitHealthy Kind = "WaitHealthy"
	// Commit records the new epoch on this machine. What was moved aside stays, but is no longer moved back by an undo.
	Commit Kind = "Commit"
)
