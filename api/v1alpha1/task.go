package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TaskAction is what a task does.
// +kubebuilder:validation:Enum=verify;delete;testTarget;setScheduler
type TaskAction string

// The actions.
const (
	// TaskVerify tests copies of snapshots again.
	TaskVerify TaskAction = "verify"
	// TaskDelete deletes the bytes of snapshots.
	TaskDelete TaskAction = "delete"
	// TaskTestTarget tests each right on the S3 folder, from the machines that will use it.
	TaskTestTarget TaskAction = "testTarget"
	// TaskSetScheduler turns the distribution's own schedule off or on again, machine by machine. It restarts the
	// distribution's server on each. The manager asks for it when the cluster's snapshotScheduler says otherwise than its
	// machines do.
	TaskSetScheduler TaskAction = "setScheduler"
)

// EtcdSnapshotTask verifies snapshots, deletes their bytes, tests the S3 target, or hands the schedule over, on chosen
// machines.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hftask,categories=holdfast
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type EtcdSnapshotTask struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdSnapshotTaskSpec   `json:"spec"`
	Status EtcdSnapshotTaskStatus `json:"status,omitempty"`
}

// EtcdSnapshotTaskSpec says what to do. Only cancel can be changed later.
// +kubebuilder:validation:XValidation:rule="!(self.action in ['verify', 'delete']) || (has(self.snapshots) && size(self.snapshots) > 0)",message="name the snapshots"
// +kubebuilder:validation:XValidation:rule="self.action in ['verify', 'delete'] || !has(self.snapshots)",message="snapshots are for actions verify and delete"
// +kubebuilder:validation:XValidation:rule="(self.action == 'setScheduler') == has(self.scheduler)",message="action setScheduler, and no other, takes a scheduler"
// +kubebuilder:validation:XValidation:rule="self.action == 'verify' || !has(self.level)",message="level is for action verify"
// +kubebuilder:validation:XValidation:rule="self.action == 'testTarget' || !has(self.s3)",message="s3 is for action testTarget"
// +kubebuilder:validation:XValidation:rule="self.action == oldSelf.action && has(self.snapshots) == has(oldSelf.snapshots) && (!has(self.snapshots) || self.snapshots == oldSelf.snapshots) && has(self.machines) == has(oldSelf.machines) && (!has(self.machines) || self.machines == oldSelf.machines) && has(self.level) == has(oldSelf.level) && (!has(self.level) || self.level == oldSelf.level) && has(self.s3) == has(oldSelf.s3) && (!has(self.s3) || self.s3 == oldSelf.s3) && has(self.scheduler) == has(oldSelf.scheduler) && (!has(self.scheduler) || self.scheduler == oldSelf.scheduler)",message="a task can't be changed once it is asked for, only cancelled: create another one"
type EtcdSnapshotTaskSpec struct {
	// action to take.
	Action TaskAction `json:"action"`
	// snapshots by the names of their EtcdSnapshots.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=253
	Snapshots []string `json:"snapshots,omitempty"`
	// machines that take part. Default: those that hold a copy; for a test of the target all machines with etcd.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	Machines []string `json:"machines,omitempty"`
	// level of a verification. Default: restore.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Level VerifyLevel `json:"level,omitempty"`
	// s3 target to test. Default: the cluster's. The machines may read its credentialSecretName while they test it.
	// +optional
	S3 *S3 `json:"s3,omitempty"`
	// scheduler that is to take the recurring snapshots from now on.
	// +optional
	// +kubebuilder:validation:Enum=distribution;holdfast
	Scheduler SnapshotScheduler `json:"scheduler,omitempty"`
	// cancel stops the task.
	// +optional
	Cancel bool `json:"cancel,omitempty"`
}

// EtcdSnapshotTaskStatus says how the task goes.
type EtcdSnapshotTaskStatus struct {
	OperationStatus `json:",inline"`
	// results, one for each machine and thing that was tried.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Results []TaskResult `json:"results,omitempty"`
}

// TaskResult is what a machine found.
type TaskResult struct {
	// machine that tried it.
	Machine string `json:"machine"`
	// subject: a snapshot's location, a right (write, list, read, ranged read, delete, multipart), or "schedule".
	Subject string `json:"subject"`
	// outcome: passed, failed or skipped.
	// +kubebuilder:validation:Enum=passed;failed;skipped
	Outcome string `json:"outcome"`
	// message says what is wrong and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
}

// Outcomes of a TaskResult.
const (
	ResultPassed  = "passed"
	ResultFailed  = "failed"
	ResultSkipped = "skipped"
)

// EtcdSnapshotTaskList is a list of tasks.
// +kubebuilder:object:root=true
type EtcdSnapshotTaskList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdSnapshotTask `json:"items"`
}
