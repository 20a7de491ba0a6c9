package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Verdict is what a cluster needs.
// +kubebuilder:validation:Enum=NoRestoreNeeded;ReplaceMember;ResetToSurvivor;RestoreSnapshot
type Verdict string

// The verdicts, the mildest first.
const (
	// VerdictNothing: etcd is healthy. A restore would only throw away what came after the snapshot.
	VerdictNothing Verdict = "NoRestoreNeeded"
	// VerdictReplace: one member is lost and the others have quorum. Replacing it loses nothing.
	VerdictReplace Verdict = "ReplaceMember"
	// VerdictReset: quorum is lost and a member survives. Resetting to it keeps what a snapshot would lose.
	VerdictReset Verdict = "ResetToSurvivor"
	// VerdictRestore: no member has data left.
	VerdictRestore Verdict = "RestoreSnapshot"
)

// RestorePlan is what a restore will do. Whoever approves it approves exactly this: its digest covers all fields above
// it.
type RestorePlan struct {
	// verdict is what the cluster needs, which may be less than a restore.
	Verdict Verdict `json:"verdict"`
	// reason for the verdict, in words.
	// +optional
	Reason string `json:"reason,omitempty"`
	// candidates are the machines that the verdict speaks of: the one whose member has most, to reset the cluster to, or those
	// whose members can be replaced.
	// +optional
	// +listType=atomic
	Candidates []string `json:"candidates,omitempty"`
	// text explains the plan to whoever has to approve it, a line each.
	// +optional
	// +listType=atomic
	Text []string `json:"text,omitempty"`
	// warnings that weigh on the decision, as "split brain".
	// +optional
	// +listType=atomic
	Warnings []string `json:"warnings,omitempty"`
	// snapshot that will be restored.
	// +optional
	Snapshot *PlannedSnapshot `json:"snapshot,omitempty"`
	// survivor that the cluster will be reset to.
	// +optional
	Survivor string `json:"survivor,omitempty"`
	// replace is the machine that gets a new member, with the data of the others.
	// +optional
	Replace string `json:"replace,omitempty"`
	// clusterID of the etcd cluster that it becomes a member of.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// removeMembers are the ids of members of that cluster in whose place the new one comes.
	// +optional
	// +listType=atomic
	RemoveMembers []string `json:"removeMembers,omitempty"`
	// initMachine that is restored first, or whose member takes the new one in.
	// +optional
	InitMachine string `json:"initMachine,omitempty"`
	// machines and what happens on each.
	// +optional
	// +listType=map
	// +listMapKey=machine
	Machines []PlannedMachine `json:"machines,omitempty"`
	// kubernetesVersion that will be installed, when that is asked for.
	// +optional
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// changes to version and configuration, a line each.
	// +optional
	// +listType=atomic
	Changes []string `json:"changes,omitempty"`
	// restoreEpoch that the cluster will have after the commit point.
	// +optional
	RestoreEpoch int64 `json:"restoreEpoch,omitempty"`
	// made is when the plan was made.
	// +optional
	Made metav1.Time `json:"made,omitempty"`
	// digest of all above, for spec.approvedPlan.
	// +optional
	Digest string `json:"digest,omitempty"`
	// supersedes are the digests of the last plans of this restore that would have done the same to a cluster that was no
	// worse: the approval of one of them is good for this plan.
	// +optional
	// +listType=atomic
	Supersedes []string `json:"supersedes,omitempty"`
}

// PlannedSnapshot is the snapshot that a plan restores.
type PlannedSnapshot struct {
	// name of the EtcdSnapshot; empty for a bare file.
	// +optional
	Name string `json:"name,omitempty"`
	// file name.
	File string `json:"file"`
	// location of the copy that will be used.
	Location string `json:"location"`
	// machine that holds it; empty for S3.
	// +optional
	Machine string `json:"machine,omitempty"`
	// sha256 of the stored bytes.
	// +optional
	SHA256 string `json:"sha256,omitempty"`
	// size as stored, in bytes.
	// +optional
	Size int64 `json:"size,omitempty"`
	// created is the moment that the cluster returns to.
	// +optional
	Created *metav1.Time `json:"created,omitempty"`
	// revision of etcd in it.
	// +optional
	Revision int64 `json:"revision,omitempty"`
	// state of the copy.
	// +optional
	State SnapshotState `json:"state,omitempty"`
}

// PlannedMachine is what a plan does on one machine.
type PlannedMachine struct {
	// machine name.
	Machine string `json:"machine"`
	// action: Restore, Rejoin, Restart, Keep, Leave or PoweredOff.
	// +kubebuilder:validation:Enum=Restore;Rejoin;Restart;Keep;Leave;PoweredOff
	Action string `json:"action"`
	// roles of the machine; none where etcd is all that there is.
	// +optional
	// +listType=atomic
	Roles []Role `json:"roles,omitempty"`
	// reason, in words.
	// +optional
	Reason string `json:"reason,omitempty"`
	// joins is the URL that the machine is made to join the cluster through; none where that stays as it is.
	// +optional
	Joins string `json:"joins,omitempty"`
	// config that the machine gets, as the snapshot carries it: secrets are left out. None where it keeps what it has.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Config *runtime.RawExtension `json:"config,omitempty"`
	// member name that etcd gets on this machine.
	// +optional
	Member string `json:"member,omitempty"`
	// peerURLs that the other members reach it at.
	// +optional
	// +listType=atomic
	PeerURLs []string `json:"peerURLs,omitempty"`
}

// The actions.
const (
	// ActionRestore: the machine's data is made anew from the snapshot.
	ActionRestore = "Restore"
	// ActionRejoin: the machine gets its data from the others.
	ActionRejoin = "Rejoin"
	// ActionRestart: the machine has no data, and is restarted.
	ActionRestart = "Restart"
	// ActionKeep: nothing happens on the machine. It goes on as it is.
	ActionKeep = "Keep"
	// ActionLeave: the machine is stopped, its data is moved aside, and it has no part in the cluster afterwards.
	ActionLeave = "Leave"
	// ActionPoweredOff: nothing is done, because somebody has seen that the machine is off.
	ActionPoweredOff = "PoweredOff"
)
