package local

// lockResult is the outcome of an attempt to lock an unfinished file.
type lockResult int

const (
	held        lockResult = iota // ours until the file is closed
	heldByOther                   // its writer lives
	noLocks                       // this file system, or system, has none
)
