package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EtcdSnapshot is one snapshot, wherever its copies are. The controller writes it from what the machines and the S3
// folder hold; deleting it deletes no byte, and it comes back as long as there are any.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfs,categories=holdfast
// +kubebuilder:selectablefield:JSONPath=`.spec.file`
// +kubebuilder:selectablefield:JSONPath=`.spec.backup`
// +kubebuilder:printcolumn:name="File",type=string,JSONPath=`.spec.file`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Trigger",type=string,JSONPath=`.spec.trigger`
// +kubebuilder:printcolumn:name="Created",type=date,JSONPath=`.spec.created`
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.kubernetesVersion`
// +kubebuilder:printcolumn:name="Copies",type=integer,JSONPath=`.status.available`
// +kubebuilder:printcolumn:name="Node",type=string,JSONPath=`.spec.node`,priority=1
// +kubebuilder:printcolumn:name="Backup",type=string,JSONPath=`.spec.backup`,priority=1
type EtcdSnapshot struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdSnapshotSpec   `json:"spec"`
	Status EtcdSnapshotStatus `json:"status,omitempty"`
}

// EtcdSnapshotSpec holds what never changes about a snapshot.
type EtcdSnapshotSpec struct {
	// file name of the snapshot, which may hold characters that an object's name can't.
	File string `json:"file"`
	// SnapshotFacts are what its manifest, or its name, says.
	SnapshotFacts `json:",inline"`
}

// EtcdSnapshotStatus says where the snapshot's copies are and how good they are.
type EtcdSnapshotStatus struct {
	// state of the best copy.
	// +optional
	State SnapshotState `json:"state,omitempty"`
	// size of the best copy as stored, in bytes.
	// +optional
	Size int64 `json:"size,omitempty"`
	// available is how many copies can be restored from.
	// +optional
	Available int32 `json:"available,omitempty"`
	// copies of the snapshot.
	// +optional
	// +listType=map
	// +listMapKey=location
	Copies []SnapshotCopy `json:"copies,omitempty"`
}

// SnapshotCopy is one stored copy.
type SnapshotCopy struct {
	// location is a path on Machine, or an S3 URI.
	Location string `json:"location"`
	// machine that holds it; empty for S3.
	// +optional
	Machine string `json:"machine,omitempty"`
	// CopyFacts of this copy.
	CopyFacts `json:",inline"`
}

// EtcdSnapshotList is a list of snapshots.
// +kubebuilder:object:root=true
type EtcdSnapshotList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdSnapshot `json:"items"`
}
