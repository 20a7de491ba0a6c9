package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// MachineInventory lists the snapshot files that a machine holds. It has the machine's name, and is apart from it
// because it is large and changes at other times.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfi,categories=holdfast
// +kubebuilder:printcolumn:name="Files",type=integer,JSONPath=`.status.count`
// +kubebuilder:printcolumn:name="Scanned",type=date,JSONPath=`.status.scanned`
type MachineInventory struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status MachineInventoryStatus `json:"status,omitempty"`
}

// MachineInventoryStatus is what the agent found.
type MachineInventoryStatus struct {
	// scanned is when the agent looked last.
	// +optional
	Scanned *metav1.Time `json:"scanned,omitempty"`
	// count of all files; more than are listed when there are too many for one object.
	// +optional
	Count int32 `json:"count,omitempty"`
	// files, the newest first.
	// +optional
	// +listType=map
	// +listMapKey=location
	// +kubebuilder:validation:MaxItems=1000
	Files []SnapshotFile `json:"files,omitempty"`
}

// SnapshotFile is one stored copy of a snapshot, with what its manifest says.
type SnapshotFile struct {
	// location is the path, or the S3 URI of a copy that this machine wrote.
	Location string `json:"location"`
	// file name.
	File string `json:"file"`
	// Facts of the snapshot.
	SnapshotFacts `json:",inline"`
	// CopyFacts of this copy.
	CopyFacts `json:",inline"`
}

// SnapshotFacts describe a snapshot wherever it is stored.
type SnapshotFacts struct {
	// trigger: recurring, manual, pre-change or safety; empty when nobody knows.
	// +optional
	// +kubebuilder:validation:Enum=recurring;manual;pre-change;safety
	Trigger string `json:"trigger,omitempty"`
	// created is the moment that the snapshot shows.
	Created metav1.Time `json:"created"`
	// backup groups the files of one run.
	// +optional
	Backup string `json:"backup,omitempty"`
	// node that it was taken on.
	// +optional
	Node string `json:"node,omitempty"`
	// revision of etcd.
	// +optional
	Revision int64 `json:"revision,omitempty"`
	// compactRevision up to which history is gone.
	// +optional
	CompactRevision int64 `json:"compactRevision,omitempty"`
	// contentHash is what etcd's HashKV answers at these revisions.
	// +optional
	ContentHash *int64 `json:"contentHash,omitempty"`
	// etcdVersion that it was taken from.
	// +optional
	EtcdVersion string `json:"etcdVersion,omitempty"`
	// kubernetesVersion that the cluster ran.
	// +optional
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// configDigest of the configuration that the node had.
	// +optional
	ConfigDigest string `json:"configDigest,omitempty"`
	// config of that digest, without its secrets: keys with a value or values. An inventory holds each once.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Config *runtime.RawExtension `json:"config,omitempty"`
	// tokenDigest of the token that its bootstrap data is encrypted with, as k3s spells it: 12 hexadecimal digits.
	// +optional
	TokenDigest string `json:"tokenDigest,omitempty"`
}

// CopyFacts describe one stored copy.
type CopyFacts struct {
	// size as stored, in bytes.
	Size int64 `json:"size"`
	// sha256 of the stored bytes.
	// +optional
	SHA256 string `json:"sha256,omitempty"`
	// state of the copy.
	State SnapshotState `json:"state"`
	// message says why the state is what it is.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// escrow: what a restore needs besides the snapshot lies beside the copy, encrypted to the cluster's recipients.
	// +optional
	Escrow bool `json:"escrow,omitempty"`
	// evidence of the tests that the copy stood or failed.
	// +optional
	// +listType=map
	// +listMapKey=level
	Evidence []Evidence `json:"evidence,omitempty"`
}

// SnapshotState is how far a snapshot is known to be good.
// +kubebuilder:validation:Enum=unverified;complete;checked;restored;proven;suspect;damaged;failed;missing
type SnapshotState string

// The states.
const (
	// StateUnverified: nothing has been compared yet.
	StateUnverified SnapshotState = "unverified"
	// StateComplete: stored whole, and the hashes are right.
	StateComplete SnapshotState = "complete"
	// StateChecked: all of it was read, too.
	StateChecked SnapshotState = "checked"
	// StateRestored: a real etcd has served it in a trial restore.
	StateRestored SnapshotState = "restored"
	// StateProven: and its content was the live cluster's own.
	StateProven SnapshotState = "proven"
	// StateSuspect: taken from a cluster in doubt. It never counts as good.
	StateSuspect SnapshotState = "suspect"
	// StateDamaged: a test has failed.
	StateDamaged SnapshotState = "damaged"
	// StateFailed: it was never stored whole.
	StateFailed SnapshotState = "failed"
	// StateMissing: it was there once.
	StateMissing SnapshotState = "missing"
)

// Evidence is one test of a copy.
type Evidence struct {
	// level of the test: checksum, content, restore or live.
	// +kubebuilder:validation:Enum=checksum;content;restore;live
	Level string `json:"level"`
	// outcome: passed, failed or skipped.
	// +kubebuilder:validation:Enum=passed;failed;skipped
	Outcome string `json:"outcome"`
	// at is when it ended.
	At metav1.Time `json:"at"`
	// took is how long it went on.
	// +optional
	Took *metav1.Duration `json:"took,omitempty"`
	// reason says why it failed or was skipped, or how it was done.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// machine that did it.
	// +optional
	Machine string `json:"machine,omitempty"`
}

// MachineInventoryList is a list of inventories.
// +kubebuilder:object:root=true
type MachineInventoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MachineInventory `json:"items"`
}
