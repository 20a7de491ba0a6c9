package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Role of a machine in its cluster.
// +kubebuilder:validation:Enum=etcd;control-plane;worker
type Role string

// The roles.
const (
	RoleEtcd         Role = "etcd"
	RoleControlPlane Role = "control-plane"
	RoleWorker       Role = "worker"
)

// Machine is one node of a cluster, with an agent on it. It is made when the agent enrols.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfm,categories=holdfast
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.spec.roles`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Etcd",type=string,JSONPath=`.status.etcd.role`
// +kubebuilder:printcolumn:name="Etcd version",type=string,JSONPath=`.status.etcd.version`
// +kubebuilder:printcolumn:name="DB size",type=string,JSONPath=`.status.etcd.size`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.distroVersion`
// +kubebuilder:printcolumn:name="Agent",type=string,JSONPath=`.status.agentVersion`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.addresses[0]`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
type Machine struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   MachineSpec   `json:"spec"`
	Status MachineStatus `json:"status,omitempty"`
}

// MachineSpec is what the controller wants the machine's agent to do. The agent keeps a copy on its disk and goes by it
// while the manager is away.
type MachineSpec struct {
	// roles of the machine. They come from the token that it joined with.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Roles []Role `json:"roles"`
	// distro of the cluster.
	Distro Distro `json:"distro"`
	// clusterID goes into file names and the owner marker of the S3 folder.
	// +kubebuilder:validation:Pattern=`^c-[a-z0-9]{5,16}$`
	ClusterID string `json:"clusterID"`
	// restoreEpoch of the cluster. A machine that has an older one on its disk must not start what it holds.
	// +optional
	RestoreEpoch int64 `json:"restoreEpoch,omitempty"`
	// config says how a plain etcd runs.
	// +optional
	Config *EtcdConfig `json:"config,omitempty"`
	// snapshots are the settings in force, with all defaults filled in. Only etcd machines have them.
	// +optional
	Snapshots *MachineSnapshots `json:"snapshots,omitempty"`
	// escrowRecipients are age public keys.
	// +optional
	// +listType=set
	EscrowRecipients []string `json:"escrowRecipients,omitempty"`
}

// MachineSnapshots are a machine's snapshot settings.
type MachineSnapshots struct {
	// scheduler that is to take the recurring snapshots.
	Scheduler SnapshotScheduler `json:"scheduler"`
	// cron is the schedule; empty when it is off or the distribution has no cron.
	// +optional
	Cron string `json:"cron,omitempty"`
	// intervalHours is the schedule of rke.
	// +optional
	IntervalHours int32 `json:"intervalHours,omitempty"`
	// retention of recurring snapshots on this machine.
	// +optional
	Retention int32 `json:"retention,omitempty"`
	// jitter spreads the start over this time, so that followers go first and the leader last.
	// +optional
	Jitter *metav1.Duration `json:"jitter,omitempty"`
	// safeTimestamp of rke.
	// +optional
	SafeTimestamp bool `json:"safeTimestamp,omitempty"`
	// verify says how each snapshot is tested.
	Verify VerifyLevel `json:"verify"`
	// minFree must be left on the disk. Default: 10 %, but at least 1 GiB.
	// +optional
	MinFree *resource.Quantity `json:"minFree,omitempty"`
	// s3 to copy snapshots to.
	// +optional
	S3 *S3 `json:"s3,omitempty"`
}

// Types of a Machine's conditions.
const (
	// MachineReady: the agent has renewed its lease, and its distribution runs.
	MachineReady = "Ready"
	// MachineEtcdHealthy: the member answers and has a leader.
	MachineEtcdHealthy = "EtcdHealthy"
	// MachineFenced: nothing of the distribution may start here, because an operation says so.
	MachineFenced = "Fenced"
	// MachineStale: the machine holds data of before a restore.
	MachineStale = "Stale"
	// MachineScheduleOK: the last recurring snapshot that was due on this machine was taken.
	MachineScheduleOK = "ScheduleOK"
)

// MachineStatus is what the machine's agent reports.
type MachineStatus struct {
	// observedGeneration is the generation of spec that the agent goes by.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, EtcdHealthy, Fenced, Stale, ScheduleOK.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// agentVersion is the version of holdfast-agent.
	// +optional
	AgentVersion string `json:"agentVersion,omitempty"`
	// addresses of the machine, the one that it reaches the manager from first.
	// +optional
	// +listType=atomic
	Addresses []string `json:"addresses,omitempty"`
	// hostname of the machine: the node in the names of its snapshots.
	// +optional
	Hostname string `json:"hostname,omitempty"`
	// timeZone of the machine, by which its schedules go: "Europe/Berlin". Empty when nothing there names it.
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// distroVersion that is installed.
	// +optional
	DistroVersion string `json:"distroVersion,omitempty"`
	// configDigest is the SHA-256 of the distribution's configuration on this machine, secrets left out.
	// +optional
	ConfigDigest string `json:"configDigest,omitempty"`
	// restoreEpoch that the machine's data belongs to.
	// +optional
	RestoreEpoch int64 `json:"restoreEpoch,omitempty"`
	// etcd describes the member on this machine.
	// +optional
	Etcd *EtcdMember `json:"etcd,omitempty"`
	// etcdConfig is what the member on this machine would be, also when none has ever run here.
	// +optional
	EtcdConfig *EtcdMemberConfig `json:"etcdConfig,omitempty"`
	// distribution describes the Kubernetes distribution on the machine; none for a plain etcd.
	// +optional
	Distribution *DistributionStatus `json:"distribution,omitempty"`
	// disks that snapshots, data and temporary files lie on.
	// +optional
	// +listType=map
	// +listMapKey=path
	Disks []Disk `json:"disks,omitempty"`
	// lastSchedule is when a recurring snapshot was last due here.
	// +optional
	LastSchedule *metav1.Time `json:"lastSchedule,omitempty"`
	// nextSchedule is when one is due next.
	// +optional
	NextSchedule *metav1.Time `json:"nextSchedule,omitempty"`
}

// EtcdMemberConfig is how etcd is set up on a machine, as its unit says.
type EtcdMemberConfig struct {
	// name of the member.
	Name string `json:"name"`
	// peerURLs that the others are to reach it at.
	// +optional
	// +listType=atomic
	PeerURLs []string `json:"peerURLs,omitempty"`
	// version of the etcd that is installed.
	// +optional
	Version string `json:"version,omitempty"`
}

// EtcdMember is a member as its machine sees it.
type EtcdMember struct {
	// id of the member, 16 hexadecimal digits or fewer.
	ID string `json:"id"`
	// clusterID of etcd, which a restore changes.
	ClusterID string `json:"clusterID"`
	// offline: the member gives no answer, and all here was read from its data directory.
	// +optional
	Offline bool `json:"offline,omitempty"`
	// name of the member.
	// +optional
	Name string `json:"name,omitempty"`
	// role: leader, follower or learner; empty when the member does not answer.
	// +optional
	Role string `json:"role,omitempty"`
	// version of etcd.
	// +optional
	Version string `json:"version,omitempty"`
	// size of the database file, with its free pages.
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
	// inUse is the part of it that holds data.
	// +optional
	InUse *resource.Quantity `json:"inUse,omitempty"`
	// revision of the database.
	// +optional
	Revision int64 `json:"revision,omitempty"`
	// raftIndex that was applied last. The survivor with the newest loses least.
	// +optional
	RaftIndex int64 `json:"raftIndex,omitempty"`
	// raftTerm of the member.
	// +optional
	RaftTerm int64 `json:"raftTerm,omitempty"`
	// alarms that are raised: NOSPACE, CORRUPT.
	// +optional
	// +listType=set
	Alarms []string `json:"alarms,omitempty"`
	// members is the member table that this member knows.
	// +optional
	// +listType=map
	// +listMapKey=id
	Members []PeerMember `json:"members,omitempty"`
	// kubernetesUID is the UID of namespace kube-system of the Kubernetes whose API server keeps its objects in this etcd:
	// what that Kubernetes is told from all others by. Empty when there is none, or when it can't be read.
	// +optional
	KubernetesUID string `json:"kubernetesUID,omitempty"`
}

// PeerMember is a line of a member table.
type PeerMember struct {
	// id of the member.
	ID string `json:"id"`
	// name of the member; empty when it has never started.
	// +optional
	Name string `json:"name,omitempty"`
	// peerURLs that the others reach it at.
	// +optional
	// +listType=atomic
	PeerURLs []string `json:"peerURLs,omitempty"`
	// learner has no vote.
	// +optional
	Learner bool `json:"learner,omitempty"`
}

// Disk is a file system.
type Disk struct {
	// path that lies on it.
	Path string `json:"path"`
	// total size.
	Total resource.Quantity `json:"total"`
	// free for the agent to use.
	Free resource.Quantity `json:"free"`
}

// MachineList is a list of machines.
// +kubebuilder:object:root=true
type MachineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Machine `json:"items"`
}
