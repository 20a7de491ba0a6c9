package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterEtcd says when snapshots of etcd are taken, how they are tested and where they are kept.
type ClusterEtcd struct {
	// disableSnapshots turns the schedule off. Snapshots by hand stay possible.
	// +optional
	DisableSnapshots bool `json:"disableSnapshots,omitempty"`

	// snapshotScheduler says who takes the recurring snapshots: the distribution's own cron, which Holdfast then tests,
	// copies and watches, or Holdfast. Changing it restarts the servers of k3s and rke2, one by one. A plain etcd is
	// always Holdfast's.
	// +optional
	// +kubebuilder:validation:Enum=distribution;holdfast
	SnapshotScheduler SnapshotScheduler `json:"snapshotScheduler,omitempty"`

	// snapshotScheduleCron is the schedule in five fields, in the machine's time zone, or "@every 6h", "@daily" and the
	// like. Default under scheduler holdfast: "0 */5 * * *". Not for rke.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') ? self.matches('^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every ([0-9]+([.][0-9]*)?(ns|us|µs|ms|s|m|h))+)$') : self.matches('^((CRON_)?TZ=[A-Za-z0-9_+/-]+ +)?[^ =]+( +[^ =]+){4} *$')",message="give five fields (minute, hour, day of month, month, day of week), as \"0 */5 * * *\", or one of @hourly, @daily, @weekly, @monthly, @yearly and \"@every 6h\""
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[^ ]+').filter(f, !f.contains('=')).size() != 5 || self.findAll('[^ ]+').filter(f, !f.contains('='))[0].matches('^([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/0*[1-9][0-9]{0,5})?(,([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/0*[1-9][0-9]{0,5})?)*$')",message="the first field, minute, takes 0 to 59: *, 5, 1-5, */2, 1-9/2 or several of these with commas"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[^ ]+').filter(f, !f.contains('=')).size() != 5 || self.findAll('[^ ]+').filter(f, !f.contains('='))[1].matches('^([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/0*[1-9][0-9]{0,5})?(,([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/0*[1-9][0-9]{0,5})?)*$')",message="the second field, hour, takes 0 to 23: *, 5, 1-5, */2, 1-9/2 or several of these with commas"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[^ ]+').filter(f, !f.contains('=')).size() != 5 || self.findAll('[^ ]+').filter(f, !f.contains('='))[2].matches('^([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/0*[1-9][0-9]{0,5})?(,([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/0*[1-9][0-9]{0,5})?)*$')",message="the third field, day of month, takes 1 to 31: *, 5, 1-5, */2, 1-9/2 or several of these with commas"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[^ ]+').filter(f, !f.contains('=')).size() != 5 || self.findAll('[^ ]+').filter(f, !f.contains('='))[3].matches('^([*?]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/0*[1-9][0-9]{0,5})?(,([*?]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/0*[1-9][0-9]{0,5})?)*$')",message="the fourth field, month, takes 1 to 12 or jan to dec: *, 5, 1-5, */2, 1-9/2 or several of these with commas"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[^ ]+').filter(f, !f.contains('=')).size() != 5 || self.findAll('[^ ]+').filter(f, !f.contains('='))[4].matches('^([*?]|(0?[0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-(0?[0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/0*[1-9][0-9]{0,5})?(,([*?]|(0?[0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-(0?[0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/0*[1-9][0-9]{0,5})?)*$')",message="the fifth field, day of week, takes 0 to 6 or sun to sat: *, 5, 1-5, */2, 1-9/2 or several of these with commas"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[0-9]+-[0-9]+').all(r, int(r.split('-')[0]) <= int(r.split('-')[1]))",message="a range ends before it begins"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.findAll('[A-Za-z]{3}-[A-Za-z]{3}').all(r, 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.split('-')[0].lowerAscii()) <= 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.split('-')[1].lowerAscii()))",message="a range ends before it begins"
	SnapshotScheduleCron string `json:"snapshotScheduleCron,omitempty"`

	// snapshotIntervalHours between two recurring snapshots, for rke. Default: 12.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8760
	SnapshotIntervalHours *int32 `json:"snapshotIntervalHours,omitempty"`

	// snapshotRetention is how many recurring snapshots each machine keeps. Default under scheduler holdfast: 5, for rke
	// 6. The newest good one is never removed, and manual ones stay until they are deleted.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	SnapshotRetention *int32 `json:"snapshotRetention,omitempty"`

	// safeTimestamp makes the names of rke's snapshot files free of characters that some S3 servers refuse.
	// +optional
	SafeTimestamp *bool `json:"safeTimestamp,omitempty"`

	// verify says how each snapshot is tested: checksum compares hashes, content reads all of it, restore also restores
	// it in a scratch place and lets a real etcd serve it, once per backup.
	// +optional
	// +kubebuilder:default=restore
	Verify VerifyLevel `json:"verify,omitempty"`

	// minFree must be left on a machine's disk after a snapshot. Default: 10 % of the disk, but at least 1 GiB.
	// +optional
	MinFree *resource.Quantity `json:"minFree,omitempty"`

	// snapshotBeforeChange takes a snapshot before a change of kubernetesVersion or config.
	// +optional
	// +kubebuilder:default=true
	SnapshotBeforeChange *bool `json:"snapshotBeforeChange,omitempty"`

	// s3 is where snapshots are copied to. Without it they live on the machines alone, and are lost with them.
	// +optional
	S3 *S3 `json:"s3,omitempty"`
}

// SnapshotScheduler says who takes the recurring snapshots.
type SnapshotScheduler string

// The schedulers.
const (
	SchedulerDistribution SnapshotScheduler = "distribution"
	SchedulerHoldfast     SnapshotScheduler = "holdfast"
)

// VerifyLevel says how thoroughly a snapshot is tested. Each level includes the ones before it.
// +kubebuilder:validation:Enum=checksum;content;restore
type VerifyLevel string

// The levels.
const (
	VerifyChecksum VerifyLevel = "checksum"
	VerifyContent  VerifyLevel = "content"
	VerifyRestore  VerifyLevel = "restore"
)

// S3 is a bucket of an S3-compatible server, or a folder in it. Each cluster needs one of its own.
// +kubebuilder:validation:XValidation:rule="!(has(self.insecure) && self.insecure) || !has(self.endpointCA)",message="insecure means no TLS: endpointCA has no use then"
type S3 struct {
	// bucket must exist.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$')",message="a bucket's name has 3 to 63 small letters, digits, dots and hyphens, and neither begins nor ends with a dot or hyphen"
	Bucket string `json:"bucket"`
	// endpoint is host or address, with a port if need be: "s3.eu-west-1.amazonaws.com", "10.0.0.9:9000".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262
	// +kubebuilder:validation:XValidation:rule="!self.contains('://')",message="give the endpoint without a scheme: \"host:port\"; TLS is used unless insecure is true"
	// +kubebuilder:validation:XValidation:rule="self.contains('://') || self.matches('^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|[\\\\[][0-9A-Fa-f:.]+[\\\\]])(:[0-9]{1,5})?$')",message="the endpoint must be host, host:port, address or [IPv6 address]:port, without a path"
	Endpoint string `json:"endpoint"`
	// region of the bucket. Default: us-east-1.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9-]*$')",message="a region's name has letters, digits and hyphens"
	Region string `json:"region,omitempty"`
	// folder in the bucket. It must not lie in, or hold, another cluster's.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/') && !self.contains('//')",message="a folder neither begins nor ends with a slash"
	// +kubebuilder:validation:XValidation:rule="self.split('/').all(part, part != '.' && part != '..' && part != '.metadata')",message="a folder's parts can't be \".\", \"..\" or \".metadata\""
	Folder string `json:"folder,omitempty"`
	// endpointCA is the PEM bundle of the CAs that signed the endpoint's certificate. Default: the machine's own.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="endpointCA holds no PEM certificate"
	EndpointCA string `json:"endpointCA,omitempty"`
	// skipSSLVerify accepts any certificate. Only for tests: whoever is between can read and replace every backup.
	// +optional
	SkipSSLVerify bool `json:"skipSSLVerify,omitempty"`
	// insecure uses plain HTTP.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
	// credentialSecretName is a Secret in this namespace with accessKey, secretKey and perhaps sessionToken. Without it
	// each machine's own credentials are used: environment, AWS files, web identity, container or instance role.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`
	CredentialSecretName string `json:"credentialSecretName,omitempty"`
	// retention is how many recurring backups the folder keeps; all files of one run count as one. Default:
	// snapshotRetention.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Retention *int32 `json:"retention,omitempty"`
	// bucketLookup says where requests name the bucket: in the host name (dns), in the path, or whatever the endpoint
	// looks like (auto).
	// +optional
	// +kubebuilder:validation:Enum=auto;dns;path
	// +kubebuilder:default=auto
	BucketLookup string `json:"bucketLookup,omitempty"`
	// timeout of one request, as "5m". Default: 5m.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="the timeout must lie between 1s and 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}
