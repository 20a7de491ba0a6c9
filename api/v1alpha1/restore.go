package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EtcdSnapshotRestore brings a cluster back to a snapshot. Without approvedPlan it only finds out what a restore would
// do, touching nothing, and writes that to status.plan; with the digest of that plan it does it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfr,categories=holdfast
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Snapshot",type=string,JSONPath=`.status.plan.snapshot.file`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.plan.verdict`
// +kubebuilder:printcolumn:name="Outcome",type=string,JSONPath=`.status.outcome`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type EtcdSnapshotRestore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdSnapshotRestoreSpec   `json:"spec"`
	Status EtcdSnapshotRestoreStatus `json:"status,omitempty"`
}

// EtcdSnapshotRestoreSpec says what to restore, and how. Once a plan is approved, only cancel and retryFrom can be
// changed.
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.approvedPlan) || (has(self.approvedPlan) && self.approvedPlan == oldSelf.approvedPlan)",message="an approved plan can't be exchanged: cancel this restore and create another one"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.approvedPlan) || self.source == oldSelf.source",message="the source can't be changed once the plan is approved"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.approvedPlan) || self.restoreRKEConfig == oldSelf.restoreRKEConfig",message="restoreRKEConfig can't be changed once the plan is approved"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?cancel.orValue(false) || self.?cancel.orValue(false)",message="a cancellation can't be taken back"
// +kubebuilder:validation:XValidation:rule="!has(self.initMachine) || !has(self.excludeMachines) || !(self.initMachine in self.excludeMachines)",message="initMachine is among excludeMachines"
type EtcdSnapshotRestoreSpec struct {
	// source of the data.
	Source RestoreSource `json:"source"`

	// restoreRKEConfig says what comes back beside etcd: none, the Kubernetes version, or all, which is version and
	// cluster configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:default=none
	RestoreRKEConfig RestoreConfigScope `json:"restoreRKEConfig,omitempty"`

	// initMachine is restored first, and the others join it. Default: the machine that holds the snapshot, or the
	// cluster's present one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	InitMachine string `json:"initMachine,omitempty"`
	// excludeMachines are left out. They must not run: see confirmPoweredOff.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	ExcludeMachines []string `json:"excludeMachines,omitempty"`
	// confirmPoweredOff names machines with etcd or a control plane that do not answer, and that somebody has seen to be
	// off. Should one of them still run, there may be two clusters afterwards.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	ConfirmPoweredOff []string `json:"confirmPoweredOff,omitempty"`
	// safetySnapshot takes a snapshot before anything is stopped, when etcd is healthy enough.
	// +optional
	// +kubebuilder:default=true
	SafetySnapshot *bool `json:"safetySnapshot,omitempty"`
	// onFailure before the commit point: rollback brings the old state back, hold leaves everything as it is for
	// somebody to look at.
	// +optional
	// +kubebuilder:validation:Enum=rollback;hold
	// +kubebuilder:default=rollback
	OnFailure FailurePolicy `json:"onFailure,omitempty"`
	// secretName is a Secret in this namespace with what the restore needs and the machines don't have: token, or
	// ageIdentity to open the escrow with. The operation's machines may read it while the restore runs.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`
	SecretName string `json:"secretName,omitempty"`
	// approvedPlan is the digest of status.plan. Nothing is locked, stopped or changed without it.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	ApprovedPlan string `json:"approvedPlan,omitempty"`
	// cancel ends the restore. Before the commit point the old state comes back.
	// +optional
	Cancel bool `json:"cancel,omitempty"`
	// retryFrom continues a restore that failed after its commit point, from the step with this ID. With the digest of a
	// plan that the checks refuse, it has the checks made again.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RetryFrom string `json:"retryFrom,omitempty"`
}

// RestoreSource says what to restore. Exactly one field is set.
// +kubebuilder:validation:XValidation:rule="[has(self.snapshot), has(self.latestProven) && self.latestProven, has(self.at), has(self.file), has(self.s3URI), has(self.survivor), has(self.replace)].filter(x, x).size() == 1",message="give exactly one of snapshot, latestProven, at, file, s3URI, survivor and replace"
type RestoreSource struct {
	// snapshot is the name of an EtcdSnapshot.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Snapshot string `json:"snapshot,omitempty"`
	// latestProven takes the newest proven snapshot, or the newest restored one when none is proven.
	// +optional
	LatestProven bool `json:"latestProven,omitempty"`
	// at takes the newest good snapshot that is not younger than this.
	// +optional
	At *metav1.Time `json:"at,omitempty"`
	// file is a file name, or a path, on a machine: its only holder, or initMachine.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	File string `json:"file,omitempty"`
	// s3URI of an object in the cluster's target: s3://bucket/folder/file.
	// +optional
	// +kubebuilder:validation:Pattern=`^s3://[^/]+/.+$`
	// +kubebuilder:validation:MaxLength=2048
	S3URI string `json:"s3URI,omitempty"`
	// survivor is a machine whose member still has its data: the cluster is reset to it, and loses nothing that it
	// holds.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Survivor string `json:"survivor,omitempty"`
	// replace is a machine whose member is lost, or holds data of before a restore, while a majority of the others is
	// healthy: it becomes a new member and gets its data from them. They go on serving, and nothing is lost.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Replace string `json:"replace,omitempty"`
}

// RestoreConfigScope says what comes back beside etcd.
// +kubebuilder:validation:Enum=none;kubernetesVersion;all
type RestoreConfigScope string

// The scopes.
const (
	RestoreNone              RestoreConfigScope = "none"
	RestoreKubernetesVersion RestoreConfigScope = "kubernetesVersion"
	RestoreAll               RestoreConfigScope = "all"
)

// FailurePolicy says what a failure before the commit point leads to.
type FailurePolicy string

// The policies.
const (
	FailureRollback FailurePolicy = "rollback"
	FailureHold     FailurePolicy = "hold"
)

// EtcdSnapshotRestoreStatus says what the restore would do, does, or did.
type EtcdSnapshotRestoreStatus struct {
	OperationStatus `json:",inline"`
	// preflight is what was looked at before anything was touched.
	// +optional
	// +listType=map
	// +listMapKey=check
	// +listMapKey=machine
	Preflight []PreflightCheck `json:"preflight,omitempty"`
	// plan is what the restore will do, in words and facts.
	// +optional
	Plan *RestorePlan `json:"plan,omitempty"`
	// committed is when the new data was proven healthy. Nothing rolls back by itself after it.
	// +optional
	Committed *metav1.Time `json:"committed,omitempty"`
	// admitted is the etcd member that replaces another one.
	// +optional
	Admitted *AdmittedMember `json:"admitted,omitempty"`
	// outcome: Restored, RolledBack, Held, KeptNew or NothingDone; empty while the restore goes on.
	// +optional
	// +kubebuilder:validation:Enum=Restored;RolledBack;Held;KeptNew;NothingDone
	Outcome string `json:"outcome,omitempty"`
	// safetySnapshot that was taken: the name of an EtcdSnapshot.
	// +optional
	SafetySnapshot string `json:"safetySnapshot,omitempty"`
	// remainingSteps past the commit point, for retryFrom: of a restore that failed there, or those that workers missed of
	// one that succeeded.
	// +optional
	// +listType=atomic
	RemainingSteps []string `json:"remainingSteps,omitempty"`
}

// AdmittedMember is a member that a running etcd cluster has taken in.
type AdmittedMember struct {
	// clusterID of etcd, in hexadecimal digits.
	ClusterID string `json:"clusterID"`
	// memberID that it gave to the new member.
	MemberID string `json:"memberID"`
}

// The outcomes of a restore.
const (
	// OutcomeRestored: the snapshot's data runs.
	OutcomeRestored = "Restored"
	// OutcomeRolledBack: the old state is back, and runs if it ran before.
	OutcomeRolledBack = "RolledBack"
	// OutcomeHeld: it failed, and was asked to leave everything as it is.
	OutcomeHeld = "Held"
	// OutcomeKeptNew: it failed after the commit point; the new data is kept, and some steps remain.
	OutcomeKeptNew = "KeptNew"
	// OutcomeNothingDone: it ended before it touched anything.
	OutcomeNothingDone = "NothingDone"
)

// PreflightCheck is one thing that was looked at before anything was touched.
type PreflightCheck struct {
	// check, as "SnapshotReadable", "DiskSpace", "TokenMatches".
	Check string `json:"check"`
	// machine that it was looked at on; "-" for the cluster.
	// +kubebuilder:default="-"
	Machine string `json:"machine"`
	// outcome: Waiting, Passed, Warning or Failed. A failed one stops the restore.
	// +kubebuilder:validation:Enum=Waiting;Passed;Warning;Failed
	Outcome string `json:"outcome"`
	// message says what was found and, when it failed, what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
}

// EtcdSnapshotRestoreList is a list of restores.
// +kubebuilder:object:root=true
type EtcdSnapshotRestoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdSnapshotRestore `json:"items"`
}
