package distro

import (
	"context"
	"encoding/json"
	"io/fs"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Belonging is a file or a directory that a restore replaces or changes on a machine, and that a rollback brings back.
type Belonging struct {
	// Path is absolute. It need not exist.
	Path string
	// Copy: it is changed in place, or needed meanwhile, so it is copied before; otherwise it is moved away.
	Copy bool
	// Remake leaves an empty directory in the place of one that was moved away, with the same owner and mode. One that did
	// not exist is made with Mode for Owner, when those are known.
	Remake bool
	Mode   fs.FileMode
	Owner  *Owner
}

// RestoreConfig says what a machine's data is made from.
type RestoreConfig struct {
	// ID names the restore: no two of a machine have the same. A restore that is done again has the same.
	ID string
	// File is the snapshot on this machine's disk, checked in full, with its Manifest.
	File     string
	Manifest *snapshot.Manifest
	// Target is who the member will be. A distribution that names its members itself fills in none of it but the
	// directories, and takes no notice of the rest.
	Target snapshot.Target
	// BumpRevision raises the revision, for clients that have seen newer ones; 0 leaves it.
	BumpRevision uint64
	// TokenFile holds the token that the snapshot's keys are sealed with, readable by its owner alone; empty when it is the
	// machine's own.
	TokenFile string
	SpoolDir  string
	// Aside is where what stood at a path of the machine lies while it is restored; nil when everything is in its place.
	Aside func(path string) string
	// Report tells what is done at present, and what programs say.
	Report func(message, output string)
}

// Restored is what a machine's data holds after a restore.
type Restored struct {
	Revision            int64
	ContentHash         uint32
	ClusterID, MemberID string
}

// Joining is how a machine becomes part of its cluster.
type Joining struct {
	// Server is the URL of the one that it joins through; empty for a first server, which joins nobody.
	Server string
	// Token that the cluster's machines know each other by; empty: the machine's own. It is a secret.
	Token string
}

// Kubernetes is what a driver of a Kubernetes distribution can do besides. Drivers with the shape InitNodeThenJoin have it.
//
// Point, Install and Configure change files alone, all of them named by Belongings: what they did is in force from the next
// start on.
type Kubernetes interface {
	Driver
	// Ready returns nil when the distribution serves on this machine: on a server its API and its etcd, where it has one; on
	// a worker its link to the cluster. Otherwise it returns what is missing. It asks once.
	Ready(ctx context.Context) error
	// Forget has the cluster's API server, which serves on this machine, forget by what passwords it knows some Nodes. Each gives
	// it a new one when it comes back. It changes nothing else.
	Forget(ctx context.Context, nodes []string) error
	// Point makes the machine join the cluster as the settings say.
	Point(ctx context.Context, j Joining) error
	// Install brings another version of the distribution, from what is kept on this machine or can be fetched, verified by
	// its checksum. It starts nothing. ErrNoArtifact when there is none.
	Install(ctx context.Context, version string) error
	// Installable returns nil when Install could bring a version: nothing would be missing.
	Installable(ctx context.Context, version string) error
	// Configure replaces the configuration by one that a snapshot carried, except for what belongs to this machine and no
	// other. What the snapshot carries redacted is taken from secrets, by key, or else from the present configuration.
	Configure(ctx context.Context, config json.RawMessage, secrets map[string]string) error
	// Configurable returns an error when Configure could not, as when a redacted value would be missing. Otherwise it says
	// what would change, a phrase for each key, without secrets.
	Configurable(ctx context.Context, config json.RawMessage, secrets map[string]string) ([]string, error)
}

// Checker is a driver that has something to say of a restore before it begins, besides what holds for all. It is optional.
type Checker interface {
	// CheckRestore looks whether Restore could work with this, as far as that can be known now: before the snapshot has been
	// fetched, File is empty. It changes nothing, and the distribution may run.
	CheckRestore(ctx context.Context, cfg RestoreConfig) []Check
}

// Check is one thing that was looked at before a restore.
type Check struct {
	// Name, as "TokenMatches".
	Name string
	// Err says why a restore can't work, or with Warning why it may not; nil when nothing speaks against it.
	Err     error
	Warning bool
	// Message says what is as it should be.
	Message string
}
