package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Types of a Cluster's conditions.
const (
	// ClusterReady: etcd answers on all machines that should run it.
	ClusterReady = "Ready"
	// ClusterProtected: the last complete snapshot is as young as the schedule promises, and no badge applies.
	ClusterProtected = "Protected"
	// ClusterScheduled: recurring snapshots are on. False is a badge.
	ClusterScheduled = "Scheduled"
	// ClusterOffsite: snapshots are copied to S3. False is a badge: whoever loses the machines loses the snapshots.
	ClusterOffsite = "Offsite"
	// ClusterEscrowed: what a restore needs besides etcd's data is kept with the snapshots. False is a badge.
	ClusterEscrowed = "Escrowed"
	// ClusterDrifted: the machines' version or configuration is not what spec says.
	ClusterDrifted = "Drifted"
	// ClusterHostsManager: the manager keeps its own objects in this cluster, so it must not restore it. Unknown to a manager
	// with an API of its own.
	ClusterHostsManager = "HostsManager"
)

// Reasons of ClusterProtected, the most urgent first.
const (
	// ProtectedNoSnapshot: there is nothing to restore from.
	ProtectedNoSnapshot = "NoSnapshot"
	// ProtectedOverdue: the newest complete snapshot is older than the schedule promises.
	ProtectedOverdue = "Overdue"
	// ProtectedNoSchedule: nobody takes the next one.
	ProtectedNoSchedule = "NoSchedule"
	// ProtectedLocalOnly: whoever loses the machines loses the snapshots.
	ProtectedLocalOnly = "LocalOnly"
	// ProtectedAsPromised: none of these.
	ProtectedAsPromised = "AsPromised"
)

// ClusterStatus is what the manager knows of a cluster.
type ClusterStatus struct {
	// id of the cluster in file names and in the owner marker of its S3 folder: "c-9dmxz". It survives restores.
	// +optional
	ID string `json:"id,omitempty"`
	// uuid of the cluster, which no other ever had.
	// +optional
	UUID string `json:"uuid,omitempty"`
	// observedGeneration is the generation of spec that status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Protected, Scheduled, Offsite, Escrowed, Drifted, HostsManager.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// initMachine is the machine that the others joined, where the distribution has one.
	// +optional
	InitMachine string `json:"initMachine,omitempty"`
	// machines counts them.
	// +optional
	Machines MachineCount `json:"machines,omitempty"`
	// observed is what the machines run.
	// +optional
	Observed Observed `json:"observed,omitempty"`
	// lastComplete is the newest snapshot that is stored whole.
	// +optional
	LastComplete *SnapshotReference `json:"lastComplete,omitempty"`
	// lastProven is the newest snapshot that was restored for a test and holds exactly what the cluster held.
	// +optional
	LastProven *SnapshotReference `json:"lastProven,omitempty"`
	// nextSnapshot is when the schedule is due next.
	// +optional
	NextSnapshot *metav1.Time `json:"nextSnapshot,omitempty"`
	// operation that is running, if any. A cluster has one at a time.
	// +optional
	Operation *OperationReference `json:"operation,omitempty"`
	// specDigest is the SHA-256 of kubernetesVersion and config as they were when the last snapshot before a change was
	// asked for.
	// +optional
	SpecDigest string `json:"specDigest,omitempty"`
	// restoreEpoch counts the restores that reached their commit point. A machine with an older one is not obeyed but
	// rejoined.
	// +optional
	RestoreEpoch int64 `json:"restoreEpoch,omitempty"`
}

// MachineCount counts a cluster's machines.
type MachineCount struct {
	// total of all machines.
	Total int32 `json:"total"`
	// etcd of them should run etcd.
	Etcd int32 `json:"etcd"`
	// answering of them have renewed their lease in time.
	Answering int32 `json:"answering"`
}

// Observed is what a cluster's machines were seen to run.
type Observed struct {
	// kubernetesVersion of the servers; the oldest while they differ.
	// +optional
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// etcdVersion of the members; the oldest while they differ.
	// +optional
	EtcdVersion string `json:"etcdVersion,omitempty"`
	// configDigest is the SHA-256 of the configuration in force, secrets left out.
	// +optional
	ConfigDigest string `json:"configDigest,omitempty"`
	// drift lists the fields that differ from spec.
	// +optional
	// +listType=atomic
	Drift []string `json:"drift,omitempty"`
}

// SnapshotReference points to an EtcdSnapshot in the same namespace.
type SnapshotReference struct {
	// name of the EtcdSnapshot.
	Name string `json:"name"`
	// file name of the snapshot.
	File string `json:"file"`
	// created is the moment that the snapshot shows.
	Created metav1.Time `json:"created"`
}

// OperationReference points to a running save, task or restore in the same namespace.
type OperationReference struct {
	// kind: EtcdSnapshotSave, EtcdSnapshotTask or EtcdSnapshotRestore.
	Kind string `json:"kind"`
	// name of the object.
	Name string `json:"name"`
	// phase that it is in.
	// +optional
	Phase Phase `json:"phase,omitempty"`
	// started is when it got the cluster for itself.
	// +optional
	Started *metav1.Time `json:"started,omitempty"`
}
