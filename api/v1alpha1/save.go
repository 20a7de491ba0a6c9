package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EtcdSnapshotSave takes one snapshot of a cluster, now.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfsave,categories=holdfast
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Backup",type=string,JSONPath=`.status.backup`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Started",type=date,JSONPath=`.status.started`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type EtcdSnapshotSave struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdSnapshotSaveSpec   `json:"spec,omitempty"`
	Status EtcdSnapshotSaveStatus `json:"status,omitempty"`
}

// EtcdSnapshotSaveSpec says what to take. Only cancel can be changed later.
// +kubebuilder:validation:XValidation:rule="has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name) && has(self.machines) == has(oldSelf.machines) && (!has(self.machines) || self.machines == oldSelf.machines) && has(self.preChange) == has(oldSelf.preChange) && (!has(self.preChange) || self.preChange == oldSelf.preChange)",message="a save can't be changed once it is asked for, only cancelled: create another one"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?cancel.orValue(false) || self.?cancel.orValue(false)",message="a cancellation can't be taken back: create another save"
type EtcdSnapshotSaveSpec struct {
	// name is the base of the files' names; node and time are added. Default: on-demand, or pre-change.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`
	Name string `json:"name,omitempty"`
	// machines to take it on. Default: all healthy machines with etcd.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	Machines []string `json:"machines,omitempty"`
	// preChange marks the snapshot as taken before an upgrade or another change.
	// +optional
	PreChange bool `json:"preChange,omitempty"`
	// cancel stops the save. Copies that are complete by then stay.
	// +optional
	Cancel bool `json:"cancel,omitempty"`
}

// EtcdSnapshotSaveStatus says how the save goes.
type EtcdSnapshotSaveStatus struct {
	OperationStatus `json:",inline"`
	// backup groups the files of this save.
	// +optional
	Backup string `json:"backup,omitempty"`
	// snapshots that were taken: names of EtcdSnapshots.
	// +optional
	// +listType=set
	Snapshots []string `json:"snapshots,omitempty"`
	// skipped machines, with the reason.
	// +optional
	// +listType=map
	// +listMapKey=machine
	Skipped []SkippedMachine `json:"skipped,omitempty"`
}

// SkippedMachine is a machine that had no part in an operation.
type SkippedMachine struct {
	// machine name.
	Machine string `json:"machine"`
	// reason in words.
	Reason string `json:"reason"`
}

// EtcdSnapshotSaveList is a list of saves.
// +kubebuilder:object:root=true
type EtcdSnapshotSaveList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdSnapshotSave `json:"items"`
}
