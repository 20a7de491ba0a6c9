// Package distro says what the agent must be able to do with whatever runs etcd on a machine: find it, look at it, stop
// it, keep it stopped, start it, and take a snapshot of its member. There is one package below for each distribution;
// everything else in the agent is independent of them.
//
// A driver knows nothing of operations, plans or the manager. Start reading at [Driver].
package distro

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Shape is how a cluster of a distribution is restored.
type Shape string

// The shapes.
const (
	// AllMembers: every member restores the same bytes, and all start together.
	AllMembers Shape = "allMembers"
	// InitNodeThenJoin: one node is restored and started, the others rejoin it one by one.
	InitNodeThenJoin Shape = "initNodeThenJoin"
)

// Driver drives the distribution on this machine.
//
// Methods may be called concurrently, except that whoever calls one that changes the machine (Stop, Start, Fence, Unfence,
// Save, Join) holds the agent's operation lock. All of them are idempotent: the agent may have died in an earlier call. None
// retries. Each ends with its context.
type Driver interface {
	// Shape of a restore.
	Shape() Shape
	// Discover finds out how etcd is installed and configured here, now. It changes nothing, and works while etcd is down.
	Discover(ctx context.Context) (*Installation, error)
	// Save takes a snapshot of this machine's own member into a store. With an error it may still return a manifest: see
	// snapshot.Save.
	Save(ctx context.Context, cfg SaveConfig) (*snapshot.Manifest, error)

	// Belongings are what a restore replaces or changes on this machine. The list does not depend on what exists.
	Belongings(ctx context.Context) ([]Belonging, error)
	// Restore makes this machine's data from a snapshot. The distribution is stopped, and what is among its belongings was
	// moved away. What an earlier call left, it removes first. Nothing has started on the data when it returns.
	Restore(ctx context.Context, cfg RestoreConfig) (*Restored, error)
	// Abandon ends a Restore that may still be under way, whoever began it, and removes what it left beside the belongings.
	Abandon(ctx context.Context, id string) error

	// Admit makes room for a member in the running cluster and takes it in, without a vote where the distribution has such
	// members. It changes nothing on this machine. Done again, it finds what it did.
	// ErrNotYet when it may work later.
	Admit(ctx context.Context, a Admission) (Admitted, error)
	// Promote gives a member that was admitted its vote: ErrNotYet while it has not caught up.
	Promote(ctx context.Context, a Admitted) error
	// Dismiss takes an admission back: the member with this id, or, when nobody has noted the id, one that has never started.
	// It refuses when the cluster would lose its quorum by that.
	Dismiss(ctx context.Context, a Admission, memberID string) error
	// Join makes the distribution come up on this machine as the member that was admitted, at its next start and without any
	// data of its own. It is stopped, and its old data has been moved away.
	Join(ctx context.Context, a Admitted) error

	// Running says whether any process of the distribution is alive.
	Running(ctx context.Context) (bool, error)
	// Stop returns when no process of the distribution is left.
	Stop(ctx context.Context) error
	// Start asks the distribution to start and does not wait until it has. It returns ErrFenced while the fence is up.
	Start(ctx context.Context) error

	// Fence keeps the distribution from starting, by whomever, also after a reboot. It does not stop it. It is durable when
	// it returns.
	Fence(ctx context.Context) error
	// Unfence takes the fence away, with all that was installed for it.
	Unfence(ctx context.Context) error
	// Fenced says whether the fence is up.
	Fenced() (bool, error)
}

var (
	// ErrFenced: the distribution must not be started.
	ErrFenced = errors.New("it is fenced: an operation keeps it from starting")
	// ErrNotYet: the cluster does not take this change at present.
	ErrNotYet = errors.New("the cluster does not take this change yet")
	// ErrNoArtifact: a version of the distribution can't be installed, because there is nothing to install it from.
	ErrNoArtifact = errors.New("there is nothing to install this version from")
	// ErrNotInstalled: there is no etcd to drive on this machine.
	ErrNotInstalled = errors.New("no etcd is installed here")
)

// Installation is how etcd is installed and configured on a machine.
type Installation struct {
	// Version of etcd that is installed: what will open a restored data directory. Empty when it could not be found out.
	Version string
	// DistroVersion as the distribution spells it: "v1.34.2+k3s1". For a plain etcd it is that of etcd.
	DistroVersion string
	// Distribution is what else there is to know of a Kubernetes distribution; nil for a plain etcd.
	Distribution *v1alpha1.DistributionStatus
	// SnapshotDir is where the distribution itself keeps snapshots; empty when it takes none.
	SnapshotDir string
	// Config is the configuration as a snapshot carries it, secrets redacted; nil for a plain etcd.
	Config json.RawMessage
	// DataDir and WALDir of etcd are absolute. WALDir is empty when it lies in DataDir, as usual. Both are empty on a machine
	// without a member, and so is everything about the member.
	DataDir, WALDir string
	// Member is the name of the machine's member, and PeerURLs are those that it advertises.
	Member   string
	PeerURLs []string
	// InitialCluster and InitialClusterToken are what the configuration says; the cluster may have changed since.
	InitialCluster, InitialClusterToken string
	// Client says how to reach the member.
	Client etcd.Config
	// ConfigDigest is the SHA-256 of the configuration in hex, secrets left out.
	ConfigDigest string
	// Owner of a data directory that has to be made anew; nil where the agent's own user is right, or none is known.
	Owner *Owner
}

// Owner is the user and the group that etcd runs as.
type Owner struct{ UID, GID int }

// Admission of a member to a running cluster.
type Admission struct {
	// ClusterID of the etcd cluster that is meant; any other is refused.
	ClusterID string
	// PeerURLs at which the others are to reach the new member.
	PeerURLs []string
	// Remove are the ids of members that go first: those in whose place the new one comes.
	Remove []string
	// Through are the endpoints of members to ask, one after the other; this machine's own member when there are none.
	Through []string
}

// Admitted is a member that its cluster waits for.
type Admitted struct {
	ClusterID, MemberID string
	// Through is as in the admission.
	Through []string
}

// SaveConfig says where a snapshot goes, and what is said of it.
type SaveConfig struct {
	Store     blob.Store
	ClusterID string
	// Base and Node make the file's name.
	Base, Node string
	Trigger    snapshot.Trigger
	// Backup groups the files of one run.
	Backup string
	// Salvage takes the snapshot also without quorum: of a survivor whose data is all that there is.
	Salvage  bool
	Encoding snapshot.Encoding
	Verify   snapshot.Level
	Prover   snapshot.Prover
	MinFree  int64
	SpoolDir string
	Tool     string
	Progress snapshot.Progress
	Log      *slog.Logger
}
