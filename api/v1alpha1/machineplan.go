package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// MachinePlan is what a machine's agent has to do for the running operation: typed steps, in order. It has the
// machine's name. The agent knows how each kind of step is done; nothing in here is executed as a command.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfp,categories=holdfast
// +kubebuilder:printcolumn:name="Operation",type=string,JSONPath=`.spec.operation.name`
// +kubebuilder:printcolumn:name="Serial",type=integer,JSONPath=`.spec.serial`
// +kubebuilder:printcolumn:name="Answered",type=integer,JSONPath=`.status.serial`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
type MachinePlan struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   MachinePlanSpec   `json:"spec,omitempty"`
	Status MachinePlanStatus `json:"status,omitempty"`
}

// MachinePlanSpec is what the controller asks for.
type MachinePlanSpec struct {
	// serial grows with each change of the plan. An agent never goes back to a lower one.
	// +optional
	Serial int64 `json:"serial,omitempty"`
	// operation that the steps belong to; none when there is nothing to do.
	// +optional
	Operation *PlanOperation `json:"operation,omitempty"`
	// steps, to be done one after the other. One that is done stays done: its ID is never used again.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=64
	Steps []PlanStep `json:"steps,omitempty"`
	// undo asks for the steps that were done to be undone, the last first.
	// +optional
	Undo bool `json:"undo,omitempty"`
	// keep are the uids of restores that wait for their approval: what was fetched for them stays. What was fetched for any
	// other operation than these and the one above is removed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Keep []string `json:"keep,omitempty"`
}

// PlanOperation names the operation that a plan serves.
type PlanOperation struct {
	// kind of the operation's object.
	Kind string `json:"kind"`
	// name of the operation's object.
	Name string `json:"name"`
	// uid of the operation's object.
	UID string `json:"uid"`
	// secretName is a Secret in the machine's namespace with what the operation needs and the machine does not have: token,
	// ageIdentity, or the credentials of a target to test. The machine's agent may read it for as long as its plan names it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`
	// escrow is the location of the snapshot beside which an escrow lies: what it holds, the age identity in the Secret opens.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Escrow string `json:"escrow,omitempty"`
}

// PlanStep is one typed step.
type PlanStep struct {
	// id occurs once in an operation.
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`
	// kind of the step, as "SaveSnapshot". An agent that doesn't know it says so and does nothing.
	// +kubebuilder:validation:MaxLength=64
	Kind string `json:"kind"`
	// settings of the step: their fields depend on the kind.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Settings *runtime.RawExtension `json:"settings,omitempty"`
	// deadline after which the agent gives the step up.
	Deadline metav1.Time `json:"deadline"`
}

// MachinePlanStatus is the agent's answer.
type MachinePlanStatus struct {
	// serial of the plan that the agent goes by.
	// +optional
	Serial int64 `json:"serial,omitempty"`
	// results, one for each step that was begun.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=64
	Results []PlanResult `json:"results,omitempty"`
}

// PlanResult is how a step went on this machine.
type PlanResult struct {
	// id of the step.
	ID string `json:"id"`
	// outcome of the step.
	Outcome StepOutcome `json:"outcome"`
	// started is when it was begun.
	// +optional
	Started *metav1.Time `json:"started,omitempty"`
	// ended is when it was done, failed or undone.
	// +optional
	Ended *metav1.Time `json:"ended,omitempty"`
	// message says what it does, what it found, or why it failed and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// output of the programs that it ran: the end of it, without secrets.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Output string `json:"output,omitempty"`
	// evidence that the step is done: its fields depend on the kind.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Evidence *runtime.RawExtension `json:"evidence,omitempty"`
}

// MachinePlanList is a list of plans.
// +kubebuilder:object:root=true
type MachinePlanList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MachinePlan `json:"items"`
}
