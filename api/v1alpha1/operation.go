package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Phase of an operation.
// +kubebuilder:validation:Enum=Pending;Started;Shutdown;Restore;RestartCluster;Finished;Failed;Cancelled
type Phase string

// The phases. A save knows no Shutdown and no Restore; a task knows only Pending, Started and the ends.
const (
	PhasePending        Phase = "Pending"
	PhaseStarted        Phase = "Started"
	PhaseShutdown       Phase = "Shutdown"
	PhaseRestore        Phase = "Restore"
	PhaseRestartCluster Phase = "RestartCluster"
	PhaseFinished       Phase = "Finished"
	PhaseFailed         Phase = "Failed"
	PhaseCancelled      Phase = "Cancelled"
)

// Ended tells whether nothing happens after this phase.
func (p Phase) Ended() bool {
	return p == PhaseFinished || p == PhaseFailed || p == PhaseCancelled
}

// OperationCondition types.
const (
	// OperationProgressing: the operation goes on, and the message says what it waits for.
	OperationProgressing = "Progressing"
	// OperationSucceeded: True when it did what it was asked for, False with the reason when it did not.
	OperationSucceeded = "Succeeded"
	// OperationPlanned: True when a restore's plan is made and every machine that could be asked has looked; the reason
	// tells whether it can be approved as it is. Unknown while they look.
	OperationPlanned = "Planned"
)

// Reasons of OperationPlanned.
const (
	// PlannedReady: no check has failed.
	PlannedReady = "Ready"
	// PlannedRefused: a check has failed, and the restore would refuse to begin.
	PlannedRefused = "Refused"
	// PlannedChecking: the machines are being asked.
	PlannedChecking = "Checking"
)

// OperationStatus is what saves, tasks and restores have in common.
type OperationStatus struct {
	// observedGeneration is the generation of spec that status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// phase that the operation is in.
	// +optional
	Phase Phase `json:"phase,omitempty"`
	// stage of the phase, as "FetchSnapshot".
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Stage string `json:"stage,omitempty"`
	// conditions: Progressing, Succeeded.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// started is when the operation got the cluster for itself.
	// +optional
	Started *metav1.Time `json:"started,omitempty"`
	// ended is when it finished, failed or was cancelled.
	// +optional
	Ended *metav1.Time `json:"ended,omitempty"`
	// deadline of the present stage. Nothing waits without one.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`
	// message says in words what the operation does or waits for, or how it ended.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// steps, one row for each machine and step, in the order in which they were handed out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Steps []StepStatus `json:"steps,omitempty"`
}

// StepOutcome is how a step stands.
// +kubebuilder:validation:Enum=Waiting;Running;Done;Failed;Undone;Skipped
type StepOutcome string

// The outcomes.
const (
	StepWaiting StepOutcome = "Waiting"
	StepRunning StepOutcome = "Running"
	StepDone    StepOutcome = "Done"
	StepFailed  StepOutcome = "Failed"
	StepUndone  StepOutcome = "Undone"
	StepSkipped StepOutcome = "Skipped"
)

// StepStatus is one step on one machine.
type StepStatus struct {
	// machine that runs it.
	Machine string `json:"machine"`
	// step is its kind, as "SaveSnapshot".
	Step string `json:"step"`
	// id of the step, which occurs once in an operation.
	ID string `json:"id"`
	// outcome of the step.
	Outcome StepOutcome `json:"outcome"`
	// started is when the agent began.
	// +optional
	Started *metav1.Time `json:"started,omitempty"`
	// ended is when it was done or failed.
	// +optional
	Ended *metav1.Time `json:"ended,omitempty"`
	// deadline after which the operation no longer waits for it.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`
	// message says what it does, what it found, or why it failed.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// output of the programs that it ran: the end of it, without secrets.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Output string `json:"output,omitempty"`
}
