package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Distro is a family of Kubernetes distributions, by what runs etcd.
// +kubebuilder:validation:Enum=k3s;rke2;rke;etcd
type Distro string

// The distributions.
const (
	DistroK3s  Distro = "k3s"
	DistroRKE2 Distro = "rke2"
	DistroRKE  Distro = "rke"
	DistroEtcd Distro = "etcd"
)

// Cluster is one Kubernetes cluster, or one plain etcd, whose etcd is backed up.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hfc,categories=holdfast
// +kubebuilder:printcolumn:name="ID",type=string,JSONPath=`.status.id`
// +kubebuilder:printcolumn:name="Distro",type=string,JSONPath=`.spec.distro`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.observed.kubernetesVersion`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Protected",type=string,JSONPath=`.status.conditions[?(@.type=="Protected")].status`
// +kubebuilder:printcolumn:name="Last complete",type=date,JSONPath=`.status.lastComplete.created`
// +kubebuilder:printcolumn:name="Last proven",type=date,JSONPath=`.status.lastProven.created`
// +kubebuilder:printcolumn:name="Operation",type=string,JSONPath=`.status.operation.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterSpec   `json:"spec"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterSpec says what the cluster is and how its etcd is backed up.
// +kubebuilder:validation:XValidation:rule="self.distro != 'etcd' || !has(self.kubernetesVersion)",message="a plain etcd has no Kubernetes version"
// +kubebuilder:validation:XValidation:rule="self.distro == 'rke' || !has(self.etcd.snapshotIntervalHours)",message="snapshotIntervalHours is for distro rke; give snapshotScheduleCron"
// +kubebuilder:validation:XValidation:rule="self.distro != 'rke' || !has(self.etcd.snapshotScheduleCron)",message="distro rke has no cron schedule; give snapshotIntervalHours"
// +kubebuilder:validation:XValidation:rule="self.distro == 'rke' || !has(self.etcd.safeTimestamp)",message="safeTimestamp is for distro rke"
// +kubebuilder:validation:XValidation:rule="!(self.distro in ['etcd']) || !has(self.etcd.snapshotScheduler) || self.etcd.snapshotScheduler == 'holdfast'",message="a plain etcd has no scheduler of its own: snapshotScheduler must be holdfast"
// +kubebuilder:validation:XValidation:rule="self.distro == 'etcd' || !has(self.config) || !has(self.config.etcd)",message="config.etcd is for distro etcd"
// +kubebuilder:validation:XValidation:rule="self.distro == 'rke' || !has(self.config) || !has(self.config.rke)",message="config.rke is for distro rke"
// +kubebuilder:validation:XValidation:rule="self.distro in ['k3s', 'rke2'] || !has(self.config) || !(has(self.config.machineGlobalConfig) || has(self.config.machineSelectorConfig))",message="machineGlobalConfig and machineSelectorConfig are for distros k3s and rke2"
type ClusterSpec struct {
	// distro that the cluster runs. It can't be changed.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the distro can't be changed: create another cluster"
	Distro Distro `json:"distro"`

	// kubernetesVersion that the cluster runs, as the distribution spells it: "v1.34.2+k3s1". Changing it takes a
	// snapshot before the change; it upgrades nothing.
	// +optional
	// +kubebuilder:validation:Pattern=`^v1\.[0-9]{1,3}\.[0-9]{1,3}([+-][0-9A-Za-z.+-]{1,40})?$`
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`

	// config of the cluster as its distribution knows it. It describes what is there: only a restore that asks for it
	// applies the snapshot's configuration, and writes it here.
	// +optional
	Config *ClusterConfig `json:"config,omitempty"`

	// etcd says when snapshots are taken, how they are tested and where they are kept.
	// +optional
	// +kubebuilder:default={}
	Etcd ClusterEtcd `json:"etcd"`

	// escrowRecipients are age public keys ("age1…"). What a restore needs besides etcd's data (tokens, keys,
	// certificates) is stored beside each snapshot, encrypted to all of them. Without one nothing secret is stored.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Pattern=`^age1[02-9ac-hj-np-z]{58}$`
	EscrowRecipients []string `json:"escrowRecipients,omitempty"`

	// deletionPolicy says what becomes of the backups when this object is deleted. Retain keeps every byte. Delete
	// removes the snapshots that Holdfast took, from the nodes and from S3.
	// +optional
	// +kubebuilder:validation:Enum=Retain;Delete
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// DeletionPolicy says what becomes of backups when their cluster's object is deleted.
type DeletionPolicy string

// The policies.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionDelete DeletionPolicy = "Delete"
)

// ClusterConfig is a cluster's configuration. Values that are secret must be references to a Secret.
type ClusterConfig struct {
	// machineGlobalConfig is the config.yaml that all k3s or rke2 servers share.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	MachineGlobalConfig *runtime.RawExtension `json:"machineGlobalConfig,omitempty"`

	// machineSelectorConfig is configuration for the machines that a selector chooses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	MachineSelectorConfig []MachineSelectorConfig `json:"machineSelectorConfig,omitempty"`

	// rke holds the cluster.yml of an RKE cluster.
	// +optional
	RKE *RKEConfig `json:"rke,omitempty"`

	// etcd says how a plain etcd runs. What is not given is found out on each machine.
	// +optional
	Etcd *EtcdConfig `json:"etcd,omitempty"`
}

// MachineSelectorConfig is k3s or rke2 configuration for some machines.
type MachineSelectorConfig struct {
	// machineLabelSelector chooses the machines; none chooses all.
	// +optional
	MachineLabelSelector *metav1.LabelSelector `json:"machineLabelSelector,omitempty"`
	// config is the content of config.yaml.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Config runtime.RawExtension `json:"config"`
}

// RKEConfig is an RKE cluster's own configuration.
type RKEConfig struct {
	// clusterYML is the content of cluster.yml, with references in place of secrets.
	// +kubebuilder:validation:MaxLength=262144
	ClusterYML string `json:"clusterYML"`
}

// EtcdConfig says how a plain etcd runs on its machines.
type EtcdConfig struct {
	// unit is the systemd unit that runs etcd.
	// +optional
	// +kubebuilder:default="etcd.service"
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9:_.@-]{1,240}\.service$`
	Unit string `json:"unit,omitempty"`
	// dataDir of etcd. Default: what the unit says.
	// +optional
	// +kubebuilder:validation:Pattern=`^/.*$`
	// +kubebuilder:validation:MaxLength=4096
	DataDir string `json:"dataDir,omitempty"`
	// walDir of etcd, when it is not below the data directory. Default: what the unit says.
	// +optional
	// +kubebuilder:validation:Pattern=`^/.*$`
	// +kubebuilder:validation:MaxLength=4096
	WALDir string `json:"walDir,omitempty"`
	// endpoint to reach the machine's own member, as "https://127.0.0.1:2379". Default: what the unit says.
	// +optional
	// +kubebuilder:validation:Pattern=`^(https?://[^/]+|unix://.+)$`
	// +kubebuilder:validation:MaxLength=512
	Endpoint string `json:"endpoint,omitempty"`
	// caFile, CertFile and KeyFile are paths on the machine: the client's side of etcd's TLS. Default: the server's own,
	// as the unit names them.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	CAFile string `json:"caFile,omitempty"`
	// certFile is the client certificate's path on the machine.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	CertFile string `json:"certFile,omitempty"`
	// keyFile is the path of the client certificate's key on the machine.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	KeyFile string `json:"keyFile,omitempty"`
}

// ClusterList is a list of clusters.
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}
