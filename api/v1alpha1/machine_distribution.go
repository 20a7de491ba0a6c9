package v1alpha1

// Datastore is what a Kubernetes distribution keeps its objects in.
type Datastore string

// The datastores of k3s and rke2. Only an embedded etcd can be backed up.
const (
	DatastoreEtcd     Datastore = "etcd"
	DatastoreSQLite   Datastore = "sqlite"
	DatastoreExternal Datastore = "external"
	// DatastoreNone: the machine is a worker, or a server that uses the etcd of others.
	DatastoreNone Datastore = "none"
)

// DistributionStatus describes a Kubernetes distribution on one machine.
type DistributionStatus struct {
	// nodeName of the machine in its Kubernetes. The distribution's own snapshots have it in their names.
	// +optional
	NodeName string `json:"nodeName,omitempty"`
	// joinURL at which other machines join the cluster through this one; none on workers.
	// +optional
	JoinURL string `json:"joinURL,omitempty"`
	// joins is the URL that the machine's own configuration joins through; none on a first server.
	// +optional
	Joins string `json:"joins,omitempty"`
	// tokenDigest is the first 12 hexadecimal digits of the SHA-256 of the token's password: a snapshot can be restored
	// only with the token that it was taken under.
	// +optional
	TokenDigest string `json:"tokenDigest,omitempty"`
	// datastore of the cluster, as this machine has it: etcd, sqlite, external, or none.
	// +optional
	// +kubebuilder:validation:Enum=etcd;sqlite;external;none
	Datastore Datastore `json:"datastore,omitempty"`
	// agentless: the server runs without an agent, so that there is no Node of it.
	// +optional
	Agentless bool `json:"agentless,omitempty"`
	// secretsEncryption: the API server encrypts Secrets in etcd.
	// +optional
	SecretsEncryption bool `json:"secretsEncryption,omitempty"`
	// snapshots are the distribution's own settings for recurring snapshots.
	// +optional
	Snapshots *DistributionSnapshots `json:"snapshots,omitempty"`
}

// DistributionSnapshots are a distribution's own settings for recurring snapshots.
type DistributionSnapshots struct {
	// disabled: its cron is off.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// takenOver: its cron is off because Holdfast takes the recurring snapshots.
	// +optional
	TakenOver bool `json:"takenOver,omitempty"`
	// cron of its schedule.
	// +optional
	Cron string `json:"cron,omitempty"`
	// retention of its recurring snapshots.
	// +optional
	Retention int32 `json:"retention,omitempty"`
	// dir that it keeps them in.
	// +optional
	Dir string `json:"dir,omitempty"`
	// compress: it zips them.
	// +optional
	Compress bool `json:"compress,omitempty"`
	// s3: it uploads them itself.
	// +optional
	S3 bool `json:"s3,omitempty"`
}
