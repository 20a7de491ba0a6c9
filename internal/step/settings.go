package step

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// SaveSettings of SaveSnapshot.
type SaveSettings struct {
	// Base of the file name.
	Base string `json:"base"`
	// Trigger: recurring, manual, pre-change or safety.
	Trigger string `json:"trigger"`
	// Backup that the file belongs to: all files of one run share it.
	Backup string `json:"backup"`
	// Verify is how much evidence to gather on this machine.
	Verify v1alpha1.VerifyLevel `json:"verify"`
	// S3 says whether to copy the snapshot to the machine's target.
	S3 bool `json:"s3,omitempty"`
	// Salvage takes it also from a member without quorum: what a survivor holds is all that there is.
	Salvage bool `json:"salvage,omitempty"`
}

// SaveEvidence of SaveSnapshot: the copies that were stored, the local one first.
type SaveEvidence struct {
	Files []v1alpha1.SnapshotFile `json:"files"`
}

// VerifySettings of VerifySnapshot.
type VerifySettings struct {
	// Locations of the copies: paths on this machine, or S3 URIs in its target.
	Locations []string             `json:"locations"`
	Level     v1alpha1.VerifyLevel `json:"level"`
}

// DeleteSettings of DeleteSnapshot.
type DeleteSettings struct {
	Locations []string `json:"locations"`
}

// TargetSettings of TestTarget.
type TargetSettings struct {
	// S3 target to try; the machine's own when nil.
	S3 *v1alpha1.S3 `json:"s3,omitempty"`
}

// SchedulerSettings of SetScheduler.
type SchedulerSettings struct {
	// Scheduler that takes the recurring snapshots from now on.
	Scheduler v1alpha1.SnapshotScheduler `json:"scheduler"`
}

// TaskEvidence of VerifySnapshot, DeleteSnapshot, TestTarget and SetScheduler.
type TaskEvidence struct {
	Results []v1alpha1.TaskResult `json:"results"`
}

// Copy of a snapshot that a restore takes its data from.
type Copy struct {
	// Location is a path on a machine's disk, or an S3 URI in the target.
	Location string `json:"location"`
	// Machine that holds it; empty for S3.
	Machine string `json:"machine,omitempty"`
	// SHA256 of the stored bytes in hex, and their Size, as the catalogue knows them; empty and 0 when it does not.
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// PreflightSettings of Preflight.
type PreflightSettings struct {
	Copy Copy `json:"copy"`
	// Restores says whether this machine's data would be made anew from the copy.
	Restores bool `json:"restores"`
	// Fetches says whether the machine is to fetch the snapshot for its checks, and to keep it for the restore.
	Fetches bool `json:"fetches,omitempty"`
	// Joins is the size of the database that this machine would get from the other members, 0 when it would not.
	Joins int64 `json:"joins,omitempty"`
	// Installs is the version of the distribution that would be installed on this machine; empty when none would.
	Installs string `json:"installs,omitempty"`
	// Configures is the configuration that this machine would get; none when it keeps its own.
	Configures json.RawMessage `json:"configures,omitempty"`
}

// PreflightEvidence of Preflight. A check that failed is evidence, too: the step itself is done.
type PreflightEvidence struct {
	Checks []v1alpha1.PreflightCheck `json:"checks"`
}

// ServeSettings of ServeSnapshot.
type ServeSettings struct {
	Copy Copy `json:"copy"`
	// Machines that may fetch it, by name.
	Machines []string `json:"machines"`
}

// ServeEvidence of ServeSnapshot.
type ServeEvidence struct {
	// URLs at which the copy can be fetched over mutual TLS with the agents' certificates, one for each address.
	URLs []string `json:"urls"`
	// SHA256 and Size of what is served.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// FetchSettings of FetchSnapshot.
type FetchSettings struct {
	Copy Copy `json:"copy"`
	// URLs to fetch it from, when another machine holds it: see ServeEvidence.
	URLs []string `json:"urls,omitempty"`
}

// FetchEvidence of FetchSnapshot: what lies on this machine's disk, checked in full.
type FetchEvidence struct {
	SHA256          string `json:"sha256"`
	Size            int64  `json:"size"`
	Revision        int64  `json:"revision"`
	CompactRevision int64  `json:"compactRevision,omitempty"`
	ContentHash     uint32 `json:"contentHash"`
	EtcdVersion     string `json:"etcdVersion,omitempty"`
	// Token that the escrow holds, encrypted to the identity that the operation was given: for machines that can't reach the
	// escrow. Empty where the operation was given the token itself, or nothing.
	Token []byte `json:"token,omitempty"`
}

// StopEvidence of StopDistro.
type StopEvidence struct {
	// WasRunning before it was stopped. Undo starts only what ran.
	WasRunning bool `json:"wasRunning"`
}

// AsideEvidence of MoveAside.
type AsideEvidence struct {
	// To is where the old data lies now.
	To []string `json:"to,omitempty"`
	// Copies of what the restore changes in place.
	Copies []string `json:"copies,omitempty"`
}

// RestoreSettings of RestoreEtcd.
type RestoreSettings struct {
	// Member name, and the cluster that it will be part of: as etcd's flags of these names. Empty where the distribution
	// names its members itself.
	Member              string   `json:"member,omitempty"`
	InitialCluster      string   `json:"initialCluster,omitempty"`
	InitialClusterToken string   `json:"initialClusterToken,omitempty"`
	PeerURLs            []string `json:"peerURLs,omitempty"`
	// BumpRevision raises the revision, for clients that have seen newer ones; 0 leaves it.
	BumpRevision uint64 `json:"bumpRevision,omitempty"`
}

// RestoreEvidence of RestoreEtcd.
type RestoreEvidence struct {
	// Revision of the restored database, bumped.
	Revision    int64  `json:"revision"`
	ContentHash uint32 `json:"contentHash"`
	ClusterID   string `json:"clusterID"`
	MemberID    string `json:"memberID"`
}

// InstallSettings of InstallDistro, and its evidence.
type InstallSettings struct {
	// Version as the distribution spells it: "v1.34.2+k3s1".
	Version string `json:"version"`
}

// ConfigSettings of WriteConfig.
type ConfigSettings struct {
	// Config of this machine as the snapshot carries it: keys and values, secrets redacted.
	Config json.RawMessage `json:"config"`
}

// PointSettings of PointServer, and its evidence.
type PointSettings struct {
	// Server is the URL to join through; empty for a first server, which joins nobody.
	Server string `json:"server,omitempty"`
	// Token as in FetchEvidence, for a machine that can't reach the escrow.
	Token []byte `json:"token,omitempty"`
}

// ForgetSettings of ForgetNodes, and its evidence.
type ForgetSettings struct {
	// Nodes by their names.
	Nodes []string `json:"nodes"`
}

// AdmitSettings of AdmitMember.
type AdmitSettings struct {
	// ClusterID of the etcd cluster that is meant.
	ClusterID string `json:"clusterID"`
	// Machine that is admitted, and the PeerURLs at which the other members are to reach it.
	Machine  string   `json:"machine"`
	PeerURLs []string `json:"peerURLs"`
	// Remove are the ids of members that go first.
	Remove []string `json:"remove,omitempty"`
	// Through are endpoints of members that are asked in place of this machine's own: the machine that is admitted does it
	// itself where no manager can have another one do it.
	Through []string `json:"through,omitempty"`
}

// AdmitEvidence of AdmitMember, and the settings and evidence of JoinEtcd and PromoteMember. Through is as in AdmitSettings.
type AdmitEvidence struct {
	ClusterID string   `json:"clusterID"`
	MemberID  string   `json:"memberID"`
	Through   []string `json:"through,omitempty"`
}

// HealthySettings of WaitHealthy.
type HealthySettings struct {
	// Members that the cluster must have, by name; any when there are none.
	Members []string `json:"members,omitempty"`
	// Revision that it must have reached.
	Revision int64 `json:"revision"`
	// ClusterID and MemberID, as far as they are known: this machine's member must be of that cluster, be that one, and vote.
	ClusterID string `json:"clusterID,omitempty"`
	MemberID  string `json:"memberID,omitempty"`
	// Serves: the distribution must be ready on this machine, too: its API on a server, its link to the cluster on a worker.
	Serves bool `json:"serves,omitempty"`
	// Learner: it need not vote yet, and hence serves nothing; that it knows a leader is enough.
	Learner bool `json:"learner,omitempty"`
}

// HealthyEvidence of WaitHealthy: how the cluster was when it was as it should be.
type HealthyEvidence struct {
	Members  int   `json:"members"`
	Revision int64 `json:"revision"`
	// ClusterID of etcd, where there is a member on this machine.
	ClusterID string `json:"clusterID,omitempty"`
}

// CommitSettings of Commit.
type CommitSettings struct {
	// Epoch of the cluster from now on.
	Epoch int64 `json:"epoch"`
}

// CommitEvidence of Commit.
type CommitEvidence struct {
	// Epoch of the machine from now on.
	Epoch int64 `json:"epoch"`
	// Aside is where the old data lies, for somebody to remove.
	Aside []string    `json:"aside,omitempty"`
	At    metav1.Time `json:"at"`
}
