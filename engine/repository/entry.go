package repository

import (
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Entry is one snapshot in a repository.
type Entry struct {
	// File is the payload's name, and the snapshot's name in every command.
	File string
	Info blob.Info
	// Manifest is nil for foreign snapshots and for those whose manifest is missing or damaged.
	Manifest *snapshot.Manifest
	// Maker says whose snapshot it is, going by its form and name.
	Maker Maker
	// Base name, node and time, from the manifest or else from the file's name. Node may be unknown.
	Base    string
	Node    string
	Created time.Time
	Trigger snapshot.Trigger
	// Cluster is Holdfast's id of the cluster in the manifest. Of a foreign snapshot it is the maker's own id of the
	// cluster: from RKE's name, or from the metadata that k3s gives to its objects; else empty.
	Cluster string
	// Backup groups the files of one run.
	Backup   string
	Encoding snapshot.Encoding
	State    State
	// Reason explains a state that is not good.
	Reason string
	// Foreign is what tests of an adopted snapshot have shown; nil when there was none of what lies there now.
	Foreign *snapshot.Foreign
	// foreign are the names of all such records about this file, outdated ones too.
	foreign []string
	// Escrow says that an escrow lies beside it: see Repository.Escrow.
	Escrow bool
	// escrows are all that name this file, bound to it or outlived.
	escrows []string
	// manifests are all that name this file, bound to it or outlived.
	manifests []string
	// newer says that its manifest is of a format that this version does not know.
	newer bool
	// sidecar is the file in which k3s keeps a snapshot's metadata, "" when there is none.
	sidecar string
}

// Maker is the program that made a snapshot.
type Maker string

// The makers.
const (
	MakerHoldfast Maker = "holdfast"
	MakerK3s      Maker = "k3s" // or rke2: their files look the same
	MakerRKE      Maker = "rke" // or Rancher
	MakerEtcdctl  Maker = "etcdctl"
)

// State is how much is known of a snapshot's soundness.
type State string

// The states, from worst to best.
const (
	// StateDamaged: a test failed, or the manifest's bytes are not what was written.
	StateDamaged State = "damaged"
	// StateSuspect: the bytes are what etcd sent, but etcd was not well.
	StateSuspect State = "suspect"
	// StateUnverified: nothing vouches for it but its own trailer, which nobody has looked at.
	StateUnverified State = "unverified"
	// StateComplete: published, its hash right.
	StateComplete State = "complete"
	// StateChecked: its content was walked and its hash computed.
	StateChecked State = "checked"
	// StateRestored: a trial restore was served by a real etcd.
	StateRestored State = "restored"
)

// Good reports whether retention may count on it.
func (s State) Good() bool {
	switch s {
	case StateComplete, StateChecked, StateRestored:
		return true
	}
	return false
}

func stateOf(m *snapshot.Manifest) (State, string) {
	if reason, damaged := m.Damaged(); damaged {
		return StateDamaged, reason
	}
	if m.Suspect != "" {
		return StateSuspect, m.Suspect
	}
	switch m.Proved() {
	case snapshot.LevelRestore:
		return StateRestored, ""
	case snapshot.LevelContent:
		return StateChecked, ""
	case snapshot.LevelChecksum:
		return StateComplete, ""
	}
	return StateUnverified, "no test has been recorded"
}
