package distro

import "context"

// Remote is how a distribution keeps its own snapshots in S3, so that it finds and restores those that are put there for it:
// under the name that they have on the machine, as they are.
type Remote struct {
	// Metadata of the object.
	Metadata map[string]string
	// Sidecar is what the distribution has noted of the snapshot; it lies in the folder .metadata under the snapshot's name.
	// Empty when there is none.
	Sidecar []byte
}

// Uploader is a driver whose distribution has a form of its own for snapshots in S3. It is optional.
type Uploader interface {
	// Remote describes the copy of a snapshot that lies in the distribution's directory on this machine.
	Remote(ctx context.Context, file string) (Remote, error)
}
